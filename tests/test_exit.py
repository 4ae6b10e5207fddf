"""How a run ends: its exit status, and why, as the last thing that is said."""

from pathlib import Path

import pytest

from lab.commands import bench
from lab.errors import Exit
from lab.model.outcome import Outcome
from lab.run.progress import Reporter
from lab.run.store import RunFolder
from tests.synthetic import failure, run_facts, sample, scenario, stack, trial, write_run

STACKS = [stack("first"), stack("base", baseline=True)]
BLOCKS = 6


def ended(folder: Path, outcomes: list[Outcome], monkeypatch: pytest.MonkeyPatch, whole: bool = True) -> Exit:
    run = write_run(
        folder / "results" / "run", run_facts(STACKS, [scenario("json")], BLOCKS, overhead={"setup_s": 1.0}), outcomes
    )
    monkeypatch.setattr(bench, "ROOT", folder)
    monkeypatch.setattr(bench, "RESULTS", folder / "results")
    with Reporter() as say:
        return bench.report(RunFolder(run), say, whole)


def measured(attempt: int = 0, blocks: range = range(BLOCKS)) -> list[Outcome]:
    return [sample(trial(block, one.name, attempt=attempt)) for block in blocks for one in STACKS]


def test_what_failed_in_a_rejected_attempt_at_a_block_is_no_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first attempt at the last block ended with a failure; the second was measured whole."""
    last = range(BLOCKS - 1, BLOCKS)
    rejected: list[Outcome] = [failure(trial(BLOCKS - 1, "first")), sample(trial(BLOCKS - 1, "base"))]
    outcomes = [*measured(blocks=range(BLOCKS - 1)), *rejected, *measured(attempt=1, blocks=last)]
    assert ended(tmp_path, outcomes, monkeypatch) is Exit.DONE
    assert "Exit status" not in capsys.readouterr().err
    assert (tmp_path / "results/latest").exists()


def test_a_cell_without_numbers_is_named_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = [o for o in measured() if o.trial.stack != "first"]
    outcomes += [failure(trial(block, "first")) for block in range(BLOCKS)]
    assert ended(tmp_path, outcomes, monkeypatch) is Exit.NOT_ALL_MEASURED
    assert capsys.readouterr().err.splitlines()[-1] == (
        "Exit status 1, because not all of this run was measured: first json closed:8 is failed."
    )


def test_a_run_of_which_every_trial_failed_ends_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes: list[Outcome] = [failure(trial(block, one.name)) for block in range(BLOCKS) for one in STACKS]
    assert ended(tmp_path, outcomes, monkeypatch) is Exit.NOT_ALL_MEASURED
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("Exit status 1, because not all of this run was measured: ")
    assert "first json closed:8 is failed" in last
    assert "base json closed:8 is failed" in last


def test_a_run_that_is_not_whole_says_last_how_it_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(tmp_path, measured(blocks=range(2)), monkeypatch, whole=False) is Exit.NOT_ALL_MEASURED
    assert "the run is not whole; RUN=run resumes it" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "results/latest").exists()
