"""A new stack is a folder, a service and a group of packages, as docs/new-stack.md has them; nothing else has to know it."""

import csv
import re
from pathlib import Path

import pytest

from lab.paths import LOCKS, ROOT
from tests.conftest import PORTS, assert_measured, edit, lab

pytestmark = pytest.mark.slow
DOC = (ROOT / "docs" / "new-stack.md").read_text()


def blocks(language: str) -> list[str]:
    """Return the blocks of code in that language on the page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOC, re.DOTALL | re.MULTILINE)


def block(language: str) -> str:
    return blocks(language)[0]


@pytest.fixture
def followed(checkout: Path) -> Path:
    """A checkout in which a reader did what the page says, up to `make lock`."""
    (checkout / "stacks" / "aiohttp").mkdir()
    (checkout / "stacks" / "aiohttp" / "app.py").write_text(block("python"))
    service = block("yaml").replace("8115", f"{PORTS}15")
    edit(checkout / "docker-compose.yml", "\n  postgres:\n", f"\n{service}\n  postgres:\n")
    edit(checkout / "pyproject.toml", "[dependency-groups]\n", f"[dependency-groups]\n{block('toml')}")
    forgotten = lab(checkout, "up", "--stack=aiohttp", "--runtime=process")
    assert forgotten.returncode == 2
    assert "locks/aiohttp.txt, which aiohttp installs, is missing: run `make lock`." in forgotten.stderr
    locked = lab(checkout, "lock")
    assert locked.returncode == 0, locked.stderr
    return checkout


def test_the_page_leads_from_an_empty_folder_to_a_report(followed: Path, runtime: str) -> None:
    assert {path.name: (followed / "locks" / path.name).read_text() for path in LOCKS.glob("*.txt")} == {
        path.name: path.read_text() for path in LOCKS.glob("*.txt")
    }, "what the others have installed stays as it is"
    assert "aiohttp==3.14" in (followed / "locks/aiohttp.txt").read_text()

    assert "all but /json" in lab(followed, "stacks").stdout
    held = lab(followed, "verify", env={"STACKS": "aiohttp", "QUICK": "1", "RUNTIME": runtime})
    assert held.returncode == 0, held.stderr + held.stdout

    words = {"STACKS": "aiohttp,fastapi-uvicorn", "SCENARIOS": "json,wait", "PROFILE": "smoke"}
    done = lab(followed, "bench", env={**words, "RUNTIME": runtime, "RUN": "it"})
    assert_measured(done)
    with (followed / "results/it/summary.csv").open() as table:
        rows = {(row["stack"], row["scenario"]) for row in csv.DictReader(table)}
    assert rows == {("aiohttp", "json"), ("fastapi-uvicorn", "json"), ("fastapi-uvicorn", "wait")}
    assert "it serves only /json" in (followed / "results/it/report.md").read_text()


@pytest.mark.parametrize("runtime", ["process"])
def test_a_stack_that_declares_nothing_has_the_findings_that_the_page_shows(followed: Path, runtime: str) -> None:
    compose = followed / "docker-compose.yml"
    service = block("yaml").replace("8115", f"{PORTS}15")
    edit(compose, service, service.replace("      lab.serves: /json\n", ""))
    done = lab(followed, "verify", env={"STACKS": "aiohttp", "QUICK": "1", "RUNTIME": runtime})
    assert done.returncode == 1
    found = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("  ")]
    promised = re.search(r"gives (\d+) findings", DOC)
    assert promised
    assert len(found) == int(promised[1]), "\n".join(found)
    assert set(blocks("text")[-1].splitlines()) <= set(found)
