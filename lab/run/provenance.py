"""What run.json says of the machine and of the code that was measured: git commit, file hashes, package versions."""

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lab.host import machine
from lab.model.stack import Service
from lab.paths import COMPOSE_FILE, ROOT

_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)")


def surroundings(services: Mapping[str, Service]) -> dict[str, Any]:
    """Return what must not change while a run is made: the machine, the commit, and the files that say what is started."""
    files = [COMPOSE_FILE, *locks(ROOT, services.values())]
    return {"machine": machine.facts(), "git": git(ROOT), "sha256": sha256(ROOT, files)}


def git(root: Path) -> dict[str, object] | None:
    """Return the commit of the checkout, whether it was changed since, and a digest of the changes; None outside of git."""
    commit = _git(root, "rev-parse", "HEAD").decode().strip()
    if not commit:
        return None
    changes = _git(root, "status", "--porcelain", "-z")
    return {"commit": commit, "dirty": bool(changes)} | ({"changes": _digest(root, changes)} if changes else {})


def _digest(root: Path, changes: bytes) -> str:
    """Return the SHA-256 of what differs from the commit, new files included."""
    names = _git(root, "ls-files", "-z", "--others", "--exclude-standard").split(b"\0")
    new = [root / os.fsdecode(name) for name in names if name]
    content = b"".join(path.read_bytes() for path in new if path.is_file())
    return hashlib.sha256(changes + _git(root, "diff", "HEAD", "--binary") + content).hexdigest()


def sha256(root: Path, paths: Iterable[Path]) -> dict[str, str]:
    """Return path relative to `root` -> SHA-256 of the file."""
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)}


def locks(root: Path, services: Iterable[Service]) -> set[Path]:
    """Return every lock file that packages of the services come from, and those of the lab itself."""
    return {*(root / "locks").glob("*.txt"), *(root / service.lock for service in services if service.lock)}


def locked_versions(lock: Path) -> dict[str, str]:
    """Return package -> version of a lock file, of pip's or of npm's."""
    if lock.suffix == ".json":
        packages = json.loads(lock.read_text())["packages"]
        return {name.rpartition("node_modules/")[2]: package["version"] for name, package in packages.items() if name}
    matches = (_PINNED.match(line) for line in lock.read_text().splitlines())
    return {match["name"]: match["version"] for match in matches if match}


def _git(root: Path, *words: str) -> bytes:
    """Return bytes, since names and differences are in whatever encoding their author had."""
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, check=False)
    except FileNotFoundError:
        return b""
    return done.stdout if done.returncode == 0 else b""
