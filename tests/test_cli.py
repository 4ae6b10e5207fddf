"""Words that mean nothing are named with the choices, exit status 2, and nothing is started."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from lab.config.project import Project
from lab.paths import ROOT
from tests.conftest import environment, lab


@pytest.mark.parametrize(
    ("words", "named", "choice"),
    [
        ({"STACKS": "flask-gunicorn,nope"}, "nope", "fastapi-uvicorn"),
        ({"SCENARIOS": "db/nope"}, "db/nope", "db/one"),
        ({"SCENARIOS": "wait?nope=1"}, "nope", "ms"),
        ({"PROFILE": "nope"}, "nope", "quick"),
        ({"RUNTIME": "nope"}, "nope", "process"),
        ({"RUN": "../nope"}, "../nope", "letters"),
        ({"LOADS": "closed:64+thnk=1s"}, "thnk=1s", "+think=1s"),
        ({"WINDOW": "0"}, "WINDOW=0", "seconds"),
        ({"BLOCKS": "x"}, "BLOCKS=x", "1 to 100"),
    ],
)
def test_unknown_words_are_named_with_the_choices(words: dict[str, str], named: str, choice: str) -> None:
    done = lab(ROOT, "bench", env=words)
    assert done.returncode == 2
    assert named in done.stderr
    assert choice in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def make(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["make", *words], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)


def test_an_unknown_make_variable_is_refused_before_anything_runs() -> None:
    done = make("bench", "STAKCS=flask-gunicorn")
    assert done.returncode == 2
    assert "STAKCS" in done.stderr
    assert "STACKS" in done.stderr
    assert done.stdout == ""


def test_make_passes_a_value_on_without_a_shell(tmp_path: Path) -> None:
    victim = tmp_path / "touched"
    done = make("bench", f"STACKS=x'; touch {victim}; echo '$$(touch {victim})")
    assert done.returncode == 2
    assert "There is no stack" in done.stderr
    assert not victim.exists()


def test_make_help_lists_every_target() -> None:
    listed = make("help").stdout
    targets = re.findall(r"^([a-z-]+):.* ## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"bench", "test", "test-full"} < set(targets)
    assert [target for target in targets if f"make {target} " not in listed] == []


def test_the_list_of_stacks_is_json_for_a_program() -> None:
    listed = json.loads(lab(ROOT, "stacks", "--json").stdout)
    assert [stack["name"] for stack in listed] == list(Project.here().stacks)
    assert all(stack["runtimes"][0] == "docker" for stack in listed)


def test_a_report_of_a_run_that_is_not_there_is_refused_in_a_sentence() -> None:
    done = lab(ROOT, "report", env={"RUN": "no-such-run"})
    assert done.returncode == 2
    assert "no-such-run holds no run" in done.stderr


def test_up_without_a_stack_names_the_stacks() -> None:
    done = lab(ROOT, "up")
    assert done.returncode == 2
    assert "fastapi-uvicorn" in done.stderr


def test_the_list_of_scenarios_says_what_each_does_and_all_its_parameters() -> None:
    line = next(line for line in lab(ROOT, "scenarios").stdout.splitlines() if line.startswith("http/bounded "))
    assert "n calls, at most `limit` of them at once." in line
    assert "n=10, ms=20, capacity (server's default), limit=4" in line
    (listed,) = [one for one in json.loads(lab(ROOT, "scenarios", "--json").stdout) if one["id"] == "http/bounded"]
    assert listed["params"] == {"n": 10, "ms": 20, "capacity": None, "limit": 4}


@pytest.mark.parametrize("command", ["bench", "verify", "up"])
@pytest.mark.parametrize("word", ["STACK", "STACKS"])
def test_both_words_for_stacks_are_heard_everywhere(command: str, word: str) -> None:
    done = lab(ROOT, command, env={word: "no-such-stack"})
    assert done.returncode == 2
    assert "There is no stack 'no-such-stack'" in done.stderr


@pytest.mark.parametrize("listing", ["stacks", "scenarios"])
def test_a_listing_that_is_piped_is_not_cut_at_the_width_of_a_terminal(listing: str) -> None:
    said = lab(ROOT, listing, env={"COLUMNS": "80"}).stdout.splitlines()
    assert max(map(len, said)) > 80
    assert not any("…" in line for line in said)
    assert len(said) == 1 + len(json.loads(lab(ROOT, listing, "--json").stdout))
