"""What of a run cannot be read is named, whoever did it; the rest is still reported."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lab.errors import Exit, LabError
from lab.report import again
from lab.report.view import view_of
from lab.report.write import write_report
from lab.run import jsonlines
from tests.synthetic import SCENARIOS, STACKS, outcomes, run_facts, sample, trial, write_run

BLOCK = '{{"block":{0},"attempt":0,"started_at":"2026-05-04T12:00:00Z","overhead_s":3,"reference_before_s":0.001,"reference_after_s":0.001}}'


def test_a_line_that_a_kill_cut_off_is_left_out_with_a_warning(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", run_facts(STACKS, SCENARIOS, 8), outcomes())
    with (run / "trials.jsonl").open("a") as lines:
        lines.write('{"kind":"sample","trial":{"bl')
    write_report(view_of(run))
    assert "1 line(s) of the run's files were cut off" in (run / "report.md").read_text()


@pytest.mark.parametrize("facts", [{}, {"format": jsonlines.VERSION + 1}, {"format": 1}])
def test_a_folder_that_is_no_run_is_refused_with_a_sentence(tmp_path: Path, facts: dict[str, Any]) -> None:
    with pytest.raises(LabError):
        view_of(write_run(tmp_path / "run", facts, []))


def test_outcomes_of_a_stack_that_the_run_does_not_have_are_left_out_and_named(tmp_path: Path) -> None:
    strange = sample(trial(0, "nowhere"))
    run = write_run(tmp_path / "run", run_facts(STACKS, SCENARIOS, 8), [*outcomes(), strange])
    shown = view_of(run)
    assert shown.run.damaged == (
        "Outcomes of the stack 'nowhere' are left out: run.json does not have it. Restore the file that was changed.",
    )
    write_report(shown)
    assert "Outcomes of the stack 'nowhere'" in (run / "report.md").read_text()


def test_an_attempt_that_is_recorded_as_whole_and_lacks_a_trial_is_named(tmp_path: Path) -> None:
    """Whoever lost the line: without a word the report would show an older attempt, or a smaller block."""
    run = write_run(tmp_path / "run", run_facts(STACKS, SCENARIOS, 8), outcomes())
    (run / "blocks.jsonl").write_text("".join(BLOCK.format(number) + "\n" for number in range(8)))
    assert view_of(run).run.damaged == ()
    lines = (run / "trials.jsonl").read_text().splitlines(keepends=True)
    for kept in (lines[1:], [lines[0][:100] + "\n", *lines[1:]]):
        (run / "trials.jsonl").write_text("".join(kept))
        assert view_of(run).run.damaged == (
            "trials.jsonl lacks 1 of the 11 trials of block 1, attempt 1, which blocks.jsonl has as complete: "
            "restore the file, or measure again.",
        )


def test_limits_that_lack_a_scenario_are_damage(tmp_path: Path) -> None:
    limits = {one.name: {"json": {"slots": 40}} for one in STACKS}
    run = write_run(tmp_path / "run", run_facts(STACKS, SCENARIOS, 8, limits=limits), outcomes())
    with pytest.raises(LabError, match=r"run\.json is damaged: .*'parse/plain'.* Restore the file"):
        view_of(run)


def test_a_histogram_that_cannot_be_read_and_a_fact_of_another_kind_are_damage(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", run_facts(STACKS, SCENARIOS, 8), outcomes())
    lines = (run / "trials.jsonl").read_text()
    (run / "trials.jsonl").write_text(re.sub('"latency":"[^"]*"', '"latency":"garbage"', lines, count=1))
    (said,) = view_of(run).run.damaged
    assert said.startswith("trials.jsonl, line 1 is left out: field sample.driven.latency: ")
    (run / "run.json").write_text(json.dumps(run_facts(STACKS, SCENARIOS, 8, machine=None)))
    with pytest.raises(LabError, match="machine is no object"):
        view_of(run)


def test_report_exits_with_1_and_says_last_what_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(again, "RESULTS", tmp_path)
    run = write_run(tmp_path / "run", run_facts(STACKS, SCENARIOS, 8), outcomes())
    assert again.report("run") == Exit.DONE
    file = run / "trials.jsonl"
    file.write_text(file.read_text().replace('"requests":', '"requests":-', 1))
    assert again.report("run") == Exit.NOT_ALL_MEASURED
    assert capsys.readouterr().err.startswith("lab: trials.jsonl, line 1 is left out: field sample.driven.requests: ")
