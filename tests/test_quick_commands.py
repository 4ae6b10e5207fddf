"""Commands that start nothing import nothing slow: benchmarks/commands.py measures how long they take."""

import subprocess
import sys

import pytest

from lab.errors import Exit
from lab.paths import ROOT
from tests.conftest import environment

SLOW = {
    "scipy", "numpy", "docker", "psycopg", "locust", "gevent", "h2", "wsproto", "pyroute2", "altair", "pandas", "jinja2", "hdrh",
}  # fmt: skip
"""Packages that take a tenth of a second or more to import, with what they bring along."""

RUN_AND_LIST = """
import sys
from lab.cli import main
try:
    main()
finally:
    print("imported", *sorted({name.split(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def slow_imports_of(*words: str) -> tuple[int, set[str]]:
    """Run a command of the lab; return its exit status and which slow packages it imported."""
    done = subprocess.run(
        [sys.executable, "-c", RUN_AND_LIST, *words], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )  # fmt: skip
    said, *imported = done.stderr.splitlines()[-1].split()
    assert said == "imported", done.stderr
    assert "typer" in imported
    return done.returncode, SLOW & set(imported)


@pytest.mark.parametrize("words", [["help"], ["stacks"], ["stacks", "--json"], ["scenarios"], ["--help"]], ids=" ".join)
def test_a_list_of_what_there_is_imports_nothing_slow(words: list[str]) -> None:
    assert slow_imports_of(*words) == (Exit.DONE, set())


def test_a_list_of_runs_imports_nothing_that_derives_a_report() -> None:
    words = "import sys, lab.report.overview, lab.report.runs; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (SLOW - {"numpy"}) & set(done.stdout.split()) == set()


def test_doctor_imports_nothing_slow() -> None:
    assert slow_imports_of("doctor")[1] == set()


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["bench", "--stacks=nonsense"],
        ["bench", "--scenarios=nonsense"],
        ["bench", "--profile=nonsense"],
        ["bench", "--loads=nonsense"],
        ["bench", "--runtime=nonsense"],
        ["bench", "--run=../nonsense"],
        ["verify", "--stacks=nonsense"],
        ["verify", "--runtime=nonsense"],
        ["up"],
        ["up", "--stack=nonsense"],
        ["micro", "--runtime=nonsense"],
        ["micro", "--run=../nonsense"],
        ["report", "--run=nonsense"],
        ["report", "--run=nonsense.lab.zip"],
        ["pack", "--run=nonsense"],
        ["pack", "--run=../nonsense"],
    ],
    ids=" ".join,
)
def test_a_word_is_refused_before_anything_slow_is_imported(words: list[str]) -> None:
    assert slow_imports_of(*words) == (Exit.COULD_NOT_START, set())
