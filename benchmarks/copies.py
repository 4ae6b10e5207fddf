"""Make copies of this checkout with stacks that differ in one thing, for the benchmarks beside this file."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.paths import ROOT


@dataclass(frozen=True)
class Twin:
    """A copy of a service under another name and port, with words of its text replaced and files of its own."""

    name: str
    of: str
    port: int
    replaced: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    """Path in the checkout -> content."""


def copy_to(copy: Path) -> None:
    """Copy the files of this checkout that git knows, without results."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("results/"):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)


def add(copy: Path, twins: Iterable[Twin]) -> None:
    """Add twins to a copy's docker-compose.yml, each right behind the service that it is a twin of."""
    compose = copy / "docker-compose.yml"
    text = compose.read_text()
    for twin in twins:
        service = re.search(rf"^  {twin.of}:\n(?:    .*\n|\n)+", text, re.MULTILINE)
        if not service:
            raise SystemExit(f"docker-compose.yml has no service {twin.of}.")
        text = text.replace(service[0], service[0] + _twin(service[0], twin))
        for name, content in twin.files:
            (copy / name).write_text(content)
    compose.write_text(text)


def _twin(service: str, twin: Twin) -> str:
    text = service.replace(twin.of, twin.name).replace('      lab.baseline: "true"\n', "")
    text = re.sub(r"\$\{LAB_PORT:-\d+\}", f"${{LAB_PORT:-{twin.port}}}", text)
    for old, new in twin.replaced:
        if old not in text:
            raise SystemExit(f"The service {twin.of} does not say {old!r}.")
        text = text.replace(old, new)
    return text


def bench(copy: Path, run: str, **words: str) -> None:
    """Call `bench` in a copy; a run that could not measure everything (exit status 1) is a result."""
    done = subprocess.run(
        [sys.executable, "-m", "lab", "bench"], cwd=copy, env=os.environ | words | {"RUN": run}, check=False
    )
    if done.returncode not in (0, 1):
        raise SystemExit(done.returncode)


def keep(copy: Path, run: str, name: str) -> Path:
    """Keep a copy's run under results/reference, without its logs."""
    kept = ROOT / "results/reference" / name
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(copy / "results" / run, kept, ignore=shutil.ignore_patterns("logs"))
    return kept
