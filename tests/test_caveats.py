"""What a reader must know before believing a run stands at its head."""

import re
from pathlib import Path

import pytest

from lab.model.outcome import Block
from lab.model.stack import NOT_OPTIMIZED, OPTIMIZED
from lab.report import caveats
from lab.report.view import view_of
from lab.report.write import write_report
from tests.synthetic import (
    NOON,
    SCENARIOS,
    SPEEDS,
    WOBBLE,
    outcomes,
    run_facts,
    sample,
    scenario,
    stack,
    trial,
    write_run,
    written,
)


def test_an_interrupted_run_says_how_far_it_came(tmp_path: Path) -> None:
    found = [outcome for outcome in outcomes() if outcome.trial.block < 7]
    report = written(tmp_path, found[:-2], ended_at=None)
    for name in ("report.md", "report.html"):
        assert (
            "Partial run: 6 of at least 8 blocks were measured whole before it was stopped." in report[name].read_text()
        )


def test_blocks_that_were_rerun_are_counted(tmp_path: Path) -> None:
    again = [sample(trial(0, arm, scenario_.id, attempt=1)) for arm in SPEEDS for scenario_ in SCENARIOS]
    report = written(tmp_path, [*outcomes(), *again])
    assert "11 trials of interrupted or noisy blocks were measured again" in report["report.md"].read_text()


def test_an_aa_arm_that_differs_is_warned_about(tmp_path: Path) -> None:
    found = [o for o in outcomes() if o.trial.stack != "base@aa"]
    odd = [sample(trial(block, "base@aa"), 1500 * WOBBLE[block]) for block in range(8)]
    report = written(tmp_path, [*found, *odd])["report.md"].read_text()
    assert re.search(
        r"different from itself in [23] of \d+ comparisons: json, 8 users, throughput, 1\.5.*By chance alone, 1 may come out so\.",
        report,
    )


@pytest.mark.parametrize(
    ("runtime", "build", "said"),
    [
        ("process", NOT_OPTIMIZED, True),
        ("docker", NOT_OPTIMIZED, False),
        ("process", OPTIMIZED, False),
    ],
)
def test_a_report_says_that_processes_ran_on_a_slow_python(
    tmp_path: Path, runtime: str, build: str, said: bool
) -> None:
    facts = run_facts([stack("a")], [scenario("json")], 1, runtime=runtime, machine={"python_build": build})
    run = write_run(tmp_path / "run", facts, [sample(trial(0))])
    write_report(view_of(run))
    assert ("The stacks ran on a Python that was built without" in (run / "report.md").read_text()) == said


@pytest.mark.parametrize(
    ("noisy", "said"), [([4], "block 5 counts although noisy"), ([1, 4], "blocks 2, 5 count although noisy")]
)
def test_noisy_blocks_that_count_are_named_and_not_counted(noisy: list[int], said: str) -> None:
    found = [
        Block(block=number, attempt=0, started_at=NOON, overhead_s=1, reference_before_s=1e-3, reference_after_s=1e-3,
              noise="The reference workload was off." if number in noisy else "")
        for number in range(6)
    ]  # fmt: skip
    assert f"Of 6 blocks, {said}" in list(caveats.noisy_blocks(found))[1]
