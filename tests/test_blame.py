"""Who is to blame where the machine was disturbed, and what one failed block makes of a cell."""

from typing import Any

import pytest

from lab.analysis import summary
from lab.analysis.validity.causes import Cause
from lab.analysis.validity.limits import Limits
from lab.analysis.validity.verdict import judge
from lab.model.cell import Cell
from lab.model.outcome import Outcome, Usage
from lab.model.workload import Trial
from lab.run import stopping
from tests.synthetic import failure, histogram, sample, stack, trial

THREE_TIMEOUTS: dict[str, Any] = {"requests": 2003, "errors": {"timeout": 3}}
"""The window's other 2,000 requests were answered correctly."""
CLOSED, OPEN = trial(load="closed:8"), trial(load="open:1000")
BY_TIME: dict[str, tuple[Trial, dict[str, Any]]] = {
    "timeouts": (CLOSED, THREE_TIMEOUTS),
    "unfinished": (CLOSED, {"requests": 2003, "errors": {"unfinished": 3}}),
    "resets": (CLOSED, {"requests": 2003, "errors": {"reset": 3}}),
    "refused connections": (CLOSED, {"requests": 2003, "errors": {"refused": 3}}),
    "responses cut off": (CLOSED, {"requests": 2003, "errors": {"cut off": 3}}),
    "closed connections": (CLOSED, {"requests": 2003, "errors": {"closed without an answer": 3}}),
    "nothing in the window": (CLOSED, {"completed": 0, "requests": 8, "latency": histogram({2500.0: 8})}),
    "starved": (CLOSED, {"starved": 1}),
    "dropped": (OPEN, {"requests": 2003, "dropped": 3}),
    "fell behind": (OPEN, {"completed": 1500}),
}
DISTURBED: dict[Cause, dict[str, Any]] = {
    Cause.STOLEN: {"stolen": 0.6},
    Cause.FOREIGN: {"server_cores_busy": 0.95, "usage": {"server": Usage(cpu_s=1.0)}},
    Cause.FOREIGN_BESIDE: {"other_cores_busy": 0.98, "usage": {"generator": Usage(cpu_s=0.8)}},
    Cause.QUOTA: {"lab_throttled_s": 0.4},
    Cause.NOT_IDLE: {"idle_cpu_s": 0.2},
}


def limits_of(_: Trial) -> Limits:
    return Limits()


def only(*outcomes: Outcome) -> Cell:
    (found,) = summary.cells(summary.judged(outcomes, limits_of))
    return found


def test_three_timeouts_in_2003_requests_while_60_percent_of_the_cpu_was_stolen_are_not_the_stacks() -> None:
    verdict = judge(sample(CLOSED, stolen=0.6, **THREE_TIMEOUTS), Limits())
    assert (verdict.result, verdict.cause) == ("invalid", Cause.STOLEN)
    assert verdict.reason.startswith("The hypervisor took 60 % of a CPU's time")
    assert [objection.cause for objection in verdict.objections] == [Cause.STOLEN, Cause.UNANSWERED]
    assert "3 of 2,003 requests went wrong (timeout: 3)" in verdict.objections[1].sentence


@pytest.mark.parametrize("disturbance", DISTURBED, ids=lambda cause: cause.name)
@pytest.mark.parametrize("effect", BY_TIME)
def test_what_time_can_cause_is_the_stacks_only_on_an_undisturbed_machine(effect: str, disturbance: Cause) -> None:
    of, driven = BY_TIME[effect]
    assert judge(sample(of, **driven), Limits()).result == "failed"
    verdict = judge(sample(of, **driven | DISTURBED[disturbance]), Limits())
    assert (verdict.result, verdict.cause) == ("invalid", disturbance)
    assert len(verdict.objections) > 1


def test_a_late_generator_takes_the_blame_for_what_time_can_cause() -> None:
    late = {"lag": histogram({3.0: 2000}), "service": histogram({8.0: 2000})}
    for effect in ("dropped", "fell behind"):
        of, driven = BY_TIME[effect]
        assert judge(sample(of, **late | driven), Limits()).cause is Cause.LATE
    stuck = sample(CLOSED, in_flight_s=0.5 * 8 * 2, **THREE_TIMEOUTS)
    assert judge(stuck, Limits()).cause is Cause.IDLE


def test_users_that_are_refused_at_once_are_no_sign_of_a_stuck_generator() -> None:
    """The server died in the window: 200 answers, then refusals that come back at once."""
    died: dict[str, Any] = {
        "completed": 200,
        "requests": 5_200,
        "errors": {"refused": 5_000},
        "latency": histogram({8.0: 200}),
    }
    verdict = judge(sample(CLOSED, in_flight_s=0.2 * 8 * 2, **died), Limits())
    assert (verdict.result, verdict.cause) == ("failed", Cause.UNANSWERED)


@pytest.mark.parametrize("wrong", ["status 500", "status 503", "wrong body", "wrong length", "not HTTP"])
@pytest.mark.parametrize("disturbance", DISTURBED, ids=lambda cause: cause.name)
def test_wrong_answers_are_the_stacks_whatever_the_machine_did(wrong: str, disturbance: Cause) -> None:
    errors: dict[str, Any] = {"requests": 2005, "errors": {wrong: 3, "timeout": 2}}
    verdict = judge(sample(CLOSED, **errors | DISTURBED[disturbance]), Limits())
    assert (verdict.result, verdict.cause) == ("failed", Cause.ERRED)
    assert "3 of 2,005 requests were answered wrongly" in verdict.reason


def test_a_wrong_body_is_shown_with_the_errors_that_it_is_one_of_and_no_others() -> None:
    wrong: dict[str, Any] = {"requests": 2003, "errors": {"wrong length": 3}, "wrong_body": "Hullo"}
    assert (
        "(wrong length: 3); the first wrong body begins 'Hullo'; it may"
        in judge(sample(CLOSED, **wrong), Limits()).reason
    )
    none = wrong | {"completed": 0, "latency": histogram({}), "requests": 3}
    assert "the first wrong body begins 'Hullo'" in judge(sample(CLOSED, **none), Limits()).reason
    assert "Hullo" not in judge(sample(CLOSED, **wrong | {"errors": {"status 500": 3}}), Limits()).reason


def test_a_disturbed_block_with_timeouts_is_rerun_and_an_undisturbed_one_is_not() -> None:
    """A re-run for what the stack did would choose its best attempt."""
    assert list(stopping.invalid([sample(CLOSED, stolen=0.6, **THREE_TIMEOUTS)], limits_of)) == [
        ("a", "json", "closed:8")
    ]
    assert stopping.invalid([sample(CLOSED, **THREE_TIMEOUTS)], limits_of) == {}


def blocks(count: int, failing: int = 0, **changes: Any) -> list[Outcome]:
    """So many blocks; the first `failing` ones are so."""
    return [sample(trial(number), **(changes if number < failing else {})) for number in range(count)]


def test_a_lone_failure_that_time_can_cause_does_not_fail_six_valid_blocks_and_is_said() -> None:
    outcomes = blocks(7, 1, **THREE_TIMEOUTS)
    cell = only(*outcomes)
    assert (cell.outcome, cell.reason, cell.blocks) == ("valid", "", 7)
    assert cell.amount("error_rate") == pytest.approx(3 / (7 * 2000 + 3))
    (note,) = cell.notes
    assert note.startswith("1 of 7 blocks failed: 3 of 2,003 requests went wrong (timeout: 3)")
    assert "not known to be the stack's fault" in note


def test_a_lone_failures_block_stays_in_every_comparison() -> None:
    trials = summary.judged(blocks(7, 1, completed=1500, **THREE_TIMEOUTS), limits_of)
    seen = summary.observations(trials, summary.cells(trials))
    assert {row.block: row.value for row in seen if row.metric == "rps"} == {0: 750, **dict.fromkeys(range(1, 7), 1000)}


@pytest.mark.parametrize(
    ("outcomes", "reason"),
    [
        (blocks(12, 2, **THREE_TIMEOUTS), "2 of 12 blocks: 3 of 2,003 requests went wrong"),
        (blocks(6, 1, **THREE_TIMEOUTS), "1 of 6 blocks: 3 of 2,003 requests went wrong"),
        (blocks(12, 1, requests=2003, errors={"status 500": 3}), "1 of 12 blocks: 3 of 2,003 requests were answered"),
        (blocks(12, 1, requests=2003, errors={"wrong body": 3}), "1 of 12 blocks: 3 of 2,003 requests were answered"),
        (blocks(12, 1, completed=0, errors={"refused": 2000}, latency=histogram({})), "1 of 12 blocks: Not one of"),
        ([failure(trial(12)), *blocks(12)], "1 of 13 blocks: The server did not start"),
    ],
    ids=["twice", "too few valid", "status 500", "wrong body", "nothing answered", "no trial"],
)
def test_what_happens_twice_or_cannot_come_from_time_fails_the_cell(outcomes: list[Outcome], reason: str) -> None:
    cell = only(*outcomes)
    assert cell.outcome == "failed"
    assert cell.reason.startswith(reason)


@pytest.mark.parametrize(
    ("count", "failing", "wanted"), [(6, 1, ["a json closed:8"]), (7, 1, []), (6, 2, []), (6, 0, [])]
)
def test_a_failure_in_one_block_asks_for_another_block_until_it_is_lone_or_not(
    count: int, failing: int, wanted: list[str]
) -> None:
    """More blocks, and not the same one again: that would choose the better attempt."""
    assert stopping.ratios(blocks(count, failing, **THREE_TIMEOUTS), limits_of, [stack("b")], 0.05).wide == wanted


def test_what_else_was_objected_to_is_said_beside_the_reason() -> None:
    cell = only(*blocks(3, 2, stolen=0.6, **THREE_TIMEOUTS))
    assert (cell.outcome, cell.rps) == ("invalid", None)
    assert cell.reason.startswith("2 of 3 blocks: The hypervisor took 60 %")
    assert cell.notes == (
        "Beside the reason, in 2 of 3 blocks: 3 of 2,003 requests went wrong (timeout: 3); it may be overloaded past its "
        "limits: read its log, or lower the load.",
    )


def test_a_server_with_replaced_workers_says_how_often() -> None:
    cell = only(*(sample(trial(number), serving_replaced=count) for number, count in enumerate([3, 2, 0, 4])))
    assert cell.outcome == "valid"
    (note,) = cell.notes
    assert note.startswith("In 3 of 4 blocks (median): serving processes were replaced 3 times in the window")
    assert "--max-requests" in note


def test_no_note_where_nothing_was_replaced_or_nothing_is_known() -> None:
    assert only(sample(serving_replaced=0)).notes == ()
    assert only(sample(serving_replaced=None)).notes == ()
