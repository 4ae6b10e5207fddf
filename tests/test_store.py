"""What was measured is on disk the moment it is known, and is read again whatever happened afterwards."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.model.loads import Load
from lab.model.outcome import Failure, Sample
from lab.model.workload import Trial
from lab.run import jsonlines, store
from lab.run.store import RunFolder
from tests.synthetic import sample


def outcome(block: int) -> Failure:
    trial = Trial(
        block=block, stack="a", scenario="json", load=Load.model_validate("closed:8"), warmup_s=0, window_s=1,
        timeout_s=1, seed=1,
    )  # fmt: skip
    return Failure(trial=trial, started_at=datetime.now(UTC), reason="It did not start.")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path / "run")
    made.create()
    return made


def test_outcomes_come_back_as_they_were_written(folder: RunFolder) -> None:
    written = [outcome(block) for block in range(3)]
    for one in written:
        folder.append(one)
    assert folder.outcomes() == tuple(written)


def test_a_line_that_a_kill_cut_off_is_passed_over_and_later_ones_are_kept(folder: RunFolder) -> None:
    folder.append(outcome(0))
    with (folder.path / "trials.jsonl").open("a") as lines:
        lines.write('{"kind":"failure","tri')
    assert [one.trial.block for one in folder.outcomes()] == [0]
    folder.append(outcome(1))
    assert [one.trial.block for one in folder.outcomes()] == [0, 1]


def test_a_damaged_line_is_left_out_and_named_with_its_field(folder: RunFolder) -> None:
    for block in range(3):
        folder.append(outcome(block))
    file = folder.path / "trials.jsonl"
    first, second, third = file.read_text().splitlines()
    file.write_text("\n".join([first, second.replace('"seed":1', '"seed":"x"'), third]) + "\n")
    lines = folder.outcome_lines()
    assert [one.trial.block for one in lines.values] == [0, 2]
    assert lines.cut == 0
    (said,) = lines.damaged
    assert said.startswith(
        "trials.jsonl, line 2 is left out: field failure.trial.seed: Input should be a valid integer"
    )
    assert "No kill does that" in said


@pytest.mark.parametrize(
    "line", ['{"kind":"sample"}', "not JSON", '{"kind":"failure",]}', "[1, 2]", '{"kind" "failure"}']
)
def test_a_line_of_something_else_is_damage_and_no_kill(folder: RunFolder, line: str) -> None:
    (folder.path / "trials.jsonl").write_text(line + "\n")
    lines = folder.outcome_lines()
    assert (lines.values, lines.cut, len(lines.damaged)) == ((), 0, 1)


def test_every_end_of_a_line_that_a_kill_can_leave_is_known_as_cut(folder: RunFolder) -> None:
    whole = outcome(0).model_dump_json()
    for length in range(1, len(whole)):
        (folder.path / "trials.jsonl").write_text(whole[:length] + "\n")
        lines = folder.outcome_lines()
        assert (lines.values, lines.cut, lines.damaged) == ((), 1, ()), whole[:length]


def test_a_line_that_is_there_twice_counts_once_and_is_named(folder: RunFolder) -> None:
    folder.append(outcome(0))
    folder.append(outcome(1))
    folder.append(outcome(0))
    lines = folder.outcome_lines()
    assert [one.trial.block for one in lines.values] == [0, 1]
    assert lines.damaged == (
        "trials.jsonl, line 3 is left out: it repeats line 1. No kill does that: restore the file, or measure again.",
    )


def test_a_run_of_a_newer_lab_is_refused_with_what_to_do(folder: RunFolder) -> None:
    (folder.path / "run.json").write_text(json.dumps({"format": jsonlines.VERSION + 1}))
    with pytest.raises(LabError, match=r"written by a newer lab \(results format 3; .* Update this checkout"):
        folder.read_run()


def test_a_field_that_this_lab_does_not_know_was_written_by_a_newer_lab(folder: RunFolder) -> None:
    folder.append(outcome(0))
    file = folder.path / "trials.jsonl"
    file.write_text(file.read_text().replace('"kind"', '"quantum":1,"kind"', 1))
    with pytest.raises(LabError, match=r"does not know the field failure.quantum: .* a newer lab"):
        folder.outcomes()


def test_a_sample_of_format_1_is_read_without_what_that_format_did_not_measure(folder: RunFolder) -> None:
    line = json.loads(sample().model_dump_json())
    line["usage"]["server"]["rss_bytes"] = line["usage"]["server"].pop("memory_bytes")
    line["idle_rss_bytes"] = line.pop("idle_memory_bytes")
    line["driven"]["connects"] = 64
    (folder.path / "run.json").write_text('{"format": 1}')
    (folder.path / "trials.jsonl").write_text(json.dumps(line) + "\n")
    (found,) = folder.outcomes()
    assert isinstance(found, Sample)
    assert found.usage["server"].memory_bytes == 50_000_000
    assert (found.driven.connects, found.driven.reconnects) == (None, None)


def test_a_folder_without_run_json_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="holds no run"):
        RunFolder(tmp_path).read_run()


@pytest.mark.parametrize("content", [b"", b"[1]", b"null", b'{"format": \xff}', b"[" * 100_000], ids=len)
def test_a_run_json_that_is_no_object_is_broken_and_no_traceback(folder: RunFolder, content: bytes) -> None:
    (folder.path / "run.json").write_bytes(content)
    with pytest.raises(LabError, match=r"run\.json is broken"):
        folder.read_run()


@pytest.mark.parametrize("name", ["../x", "/etc", "a/../b", "", "-a", "a b"])
def test_a_name_that_leads_out_of_results_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no name of a run"):
        store.folder(tmp_path, name)


@pytest.mark.parametrize(
    "name", ["latest", "reference", "reference/mine", "calibration", "results/latest", "index.html", "mine.lab.zip"]
)
def test_a_run_cannot_take_a_name_that_results_has_for_something_else(name: str, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="choose another RUN name"):
        store.writable(tmp_path, name)


def test_a_folder_that_holds_no_run_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    with pytest.raises(LabError, match="holds no run"):
        store.writable(tmp_path, "notes")
    assert store.writable(tmp_path, "new").path == tmp_path / "new"
    (tmp_path / "notes" / "run.json").write_text("{}")
    assert store.writable(tmp_path, "notes").exists


def test_latest_points_at_the_newest_finished_run(tmp_path: Path) -> None:
    for name in ("first", "second"):
        run = store.folder(tmp_path, name)
        run.create()
        store.point_latest(tmp_path, run)
    assert (tmp_path / "latest").resolve() == tmp_path / "second"


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    with store.only_one(tmp_path), pytest.raises(LabError, match="Another run is going on"), store.only_one(tmp_path):
        pass
    with store.only_one(tmp_path):
        pass
