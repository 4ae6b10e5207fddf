"""The commands that put two runs beside each other: what they print, write and leave with."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.commands import bench, compare, reproduce
from lab.errors import Exit, LabError
from lab.run import provenance
from lab.run.store import RunFolder
from tests.test_between_runs import MACHINE, a_run

Results = Path


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    """Results of four runs: `one`, `same`, `slower`, in which a-def has lost a third, and `turned`, in which it is the faster one."""
    found = tmp_path / "results"
    factors: dict[str, Callable[[str, str], float]] = {
        "one": lambda *_: 1,
        "same": lambda *_: 1,
        "slower": lambda name, _: 0.65 if name == "a-def" else 1,
        "turned": lambda name, _: 4 if name == "a-def" else 1,
    }
    for name, factor in factors.items():
        a_run(found / name, factor, seed=7)
    for module in (compare, reproduce):
        monkeypatch.setattr(module, "RESULTS", found)
    monkeypatch.setattr(compare, "ROOT", tmp_path)
    for module in (compare, reproduce):
        monkeypatch.setattr(module, "SPREAD", found / "reference/spread.json")
    return found


def test_two_equal_runs_pass_any_threshold(results: Results, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.compare("one", "same", "rps < -5%", across=False) == Exit.DONE
    said = capsys.readouterr()
    assert "Of 8 cells:" in said.out
    assert "The findings held" in said.out
    assert "Page: results/compare-one-same.html" in said.err
    assert "0 differ" in (results / "compare-one-same.md").read_text()
    assert "Do the findings hold?" in (results / "compare-one-same.html").read_text()


@pytest.mark.usefixtures("results")
def test_a_slower_stack_fails_the_threshold_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.compare("one", "slower", "", across=False) == Exit.DONE
    assert compare.compare("one", "slower", "rps < -5%", across=False) == Exit.NOT_ALL_MEASURED
    assert "Fails 'rps < -5%': a-def, json at 8 users: 0.65 times the throughput" in capsys.readouterr().err


@pytest.mark.usefixtures("results")
@pytest.mark.parametrize(("first", "said"), [("", "Which run is the first one"), ("missing", "holds no run")])
def test_a_run_that_is_not_there_is_refused(first: str, said: str) -> None:
    with pytest.raises(LabError, match=said):
        compare.compare(first, "same", "", across=False)


def measured_as(results: Results, name: str) -> Callable[[Mapping[str, Any], RunFolder], Exit]:
    """A measurement that comes out like a recorded run."""

    def again(_: Mapping[str, Any], folder: RunFolder) -> Exit:
        shutil.copytree(results / name, folder.path)
        return Exit.DONE

    return again


def here(**more: Any) -> Callable[[object], dict[str, Any]]:
    """What this machine and checkout are."""
    return lambda _: {"machine": MACHINE, "git": {"commit": "abc", "dirty": False}, "sha256": {}} | more


@pytest.mark.parametrize(
    ("again", "status", "said"),
    [
        ("same", Exit.DONE, "The findings held"),
        ("slower", Exit.DONE, "a-def"),
        ("turned", Exit.NOT_ALL_MEASURED, "reversed"),
    ],
)
def test_a_run_is_repeated_and_compared(
    results: Results,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    again: str,
    status: Exit,
    said: str,
) -> None:
    monkeypatch.setattr(bench, "again", measured_as(results, again))
    monkeypatch.setattr(provenance, "surroundings", here())
    assert reproduce.reproduce("one", across=False) == status
    told = capsys.readouterr()
    assert said in told.out
    assert "this is abc. Differences may come from that." in told.err
    assert [path.name for path in results.glob("reproduce-one-*")]


def test_another_machine_is_refused_unless_it_is_asked_for(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "again", measured_as(results, "same"))
    monkeypatch.setattr(provenance, "surroundings", here(machine=MACHINE | {"cpus": 64}))
    with pytest.raises(LabError, match="on another machine \\(number of CPUs 2, here 64\\)"):
        reproduce.reproduce("one", across=False)
    assert reproduce.reproduce("one", across=True) == Exit.DONE


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"budget": {"slots": "40; rm"}}, "budget cannot be read"),
        ({"budget": {"speed": 2}}, "budget cannot be read"),
        ({"seed": "7"}, "no seed"),
    ],
)
def test_what_a_stranger_recorded_is_measured_with_only_where_it_is_fit(facts: dict[str, Any], said: str) -> None:
    reproduce.refuse_unfit({"seed": 7, "budget": {"slots": 40}})
    with pytest.raises(LabError, match=said):
        reproduce.refuse_unfit({"seed": 7} | facts)


def test_what_locks_versions_is_named_where_it_changed() -> None:
    recorded = {"git": {"commit": "abc", "dirty": False}, "sha256": {"locks/lab.txt": "1", "docker-compose.yml": "2"}}
    now = {"git": {"commit": "abc", "dirty": True}, "sha256": {"locks/lab.txt": "3", "docker-compose.yml": "2"}}
    assert list(reproduce.changed(recorded, now)) == [
        "One of the two checkouts had uncommitted changes.",
        "These files differ from the run's: locks/lab.txt.",
    ]
