"""When a block is re-run, and when a run knows enough."""

from datetime import UTC, datetime

import pytest

from lab.analysis.validity.limits import Limits
from lab.model.outcome import Block, Outcome
from lab.model.workload import Trial
from lab.run import stopping
from tests import synthetic

STACKS = [synthetic.stack("a", baseline=True), synthetic.stack("b"), synthetic.stack("c")]


def limits_of(_: Trial) -> Limits:
    return Limits()


def block(before_ms: float = 1.0, after_ms: float = 1.0, number: int = 0) -> Block:
    return Block(
        block=number,
        attempt=0,
        started_at=datetime.now(UTC),
        overhead_s=3,
        reference_before_s=before_ms / 1e3,
        reference_after_s=after_ms / 1e3,
    )


def test_a_reference_workload_that_took_as_long_as_ever_is_quiet() -> None:
    assert stopping.speed_changed(block(1.1, 1.05), [block(), block()]) == ""


def test_a_reference_workload_that_took_longer_or_shorter_is_named_with_its_figures() -> None:
    assert "took 1.50 ms instead of 1.00 ms" in stopping.speed_changed(block(1.0, 1.5), [block(), block()])
    assert "took 0.50 ms instead of 1.00 ms" in stopping.speed_changed(block(0.5, 1.0), [block(), block()])


def test_a_slow_drift_is_quiet_and_a_jump_is_not() -> None:
    """Half as slow again within twenty blocks, 2 % from one to the next; a jump is noise until it has become usual."""
    drift = [block(1.02**number, 1.02**number) for number in range(20)]
    assert [stopping.speed_changed(one, drift[:number]) for number, one in enumerate(drift)] == [""] * 20
    jump = [block()] * 6 + [block(1.5, 1.5)] * 6
    noisy = [bool(stopping.speed_changed(one, jump[:number])) for number, one in enumerate(jump)]
    assert noisy == [False] * 6 + [True] * 2 + [False] * 4


def test_the_first_block_is_compared_with_itself() -> None:
    assert "instead of 3.00 ms" in stopping.speed_changed(block(1.0, 5.0), [])
    assert stopping.speed_changed(block(1.0, 1.3), []) == ""


def test_a_block_during_which_a_quota_ran_out_is_noisy() -> None:
    throttled = block().model_copy(update={"throttled_s": 0.4})
    assert "kept the lab from running for 0.4 s" in stopping.disturbance(throttled, [])
    assert stopping.disturbance(block().model_copy(update={"throttled_s": 0.0}), []) == ""
    assert stopping.disturbance(block(), []) == ""


def test_a_trial_on_a_stolen_cpu_makes_its_cell_invalid_and_others_not() -> None:
    outcomes = [
        synthetic.sample(synthetic.trial(stack="a"), stolen=0.5),
        synthetic.sample(synthetic.trial(stack="b"), stolen=0.0),
    ]
    found = stopping.invalid(outcomes, limits_of)
    assert list(found) == [("a", "json", "closed:8")]
    assert "hypervisor" in found["a", "json", "closed:8"]


@pytest.mark.parametrize(
    ("count", "trials", "can_add", "again"),
    [(0, 50, False, False), (1, 50, False, True), (1, 50, True, False), (5, 50, True, False), (6, 50, True, True)],
)
def test_a_block_is_given_up_for_single_trials_only_where_no_other_can_be_added(
    count: int, trials: int, can_add: bool, again: bool
) -> None:
    invalid = {(f"s{number}", "json", "closed:8"): "The generator sent late." for number in range(count)}
    said = stopping.rejected(invalid, trials, can_add)
    assert bool(said) == again
    assert not said or f"{count} of {trials} trials are invalid, the first: s0 json closed:8: The generator" in said


def test_a_cell_that_stayed_invalid_in_the_reruns_of_two_blocks_causes_no_more_of_them() -> None:
    """In one block the machine may have been disturbed for longer than two attempts take."""
    invalid, persistent = {("a", "json", "closed:8"): "The hypervisor took 60 %."}, stopping.Persistent()
    for number, attempt in ((0, 0), (0, 1), (0, 2), (1, 0)):
        persistent.note(block(number=number).model_copy(update={"attempt": attempt}), invalid)
        assert persistent.without(invalid) == invalid
    persistent.note(block(number=1).model_copy(update={"attempt": 1}), invalid)
    assert persistent.without(invalid) == {}
    assert persistent.without({("b", "json", "closed:8"): "Late."}) != {}


def test_a_failure_of_the_stack_is_a_result_and_no_reason_for_a_rerun() -> None:
    assert stopping.invalid([synthetic.failure()], limits_of) == {}


def outcomes_with_spread(spread: float) -> list[Outcome]:
    """Eight blocks in which b is as fast as a, give or take `spread`."""
    return [
        synthetic.sample(synthetic.trial(block=number, stack=stack), rps=1000 * (1 + spread * sign * (stack == "b")))
        for number, sign in enumerate([1, -1] * 4)
        for stack in "ab"
    ]


def test_a_ratio_that_scatters_is_not_known_precisely_and_one_that_does_not_is() -> None:
    assert stopping.ratios(outcomes_with_spread(0.2), limits_of, STACKS, 0.05).wide == ["b json closed:8"]
    assert stopping.ratios(outcomes_with_spread(0.01), limits_of, STACKS, 0.05).wide == []


def test_one_block_knows_no_interval() -> None:
    assert stopping.ratios(outcomes_with_spread(0.0)[:2], limits_of, STACKS, 0.05).wide == ["b json closed:8"]


@pytest.mark.parametrize(("disturbed", "wanted"), [(1, ["b json closed:8"]), (4, [])])
def test_a_cell_that_was_disturbed_now_and_then_needs_more_blocks_and_one_that_always_is_does_not(
    disturbed: int, wanted: list[str]
) -> None:
    outcomes = [
        synthetic.sample(
            synthetic.trial(block=number, stack=stack), rps=1000, stolen=0.5 * (stack == "b" and number < disturbed)
        )
        for number in range(6)
        for stack in "ab"
    ]
    assert stopping.ratios(outcomes, limits_of, STACKS, 0.05).wide == wanted


def test_a_claim_that_lacks_a_block_asks_for_one_under_open_load_too() -> None:
    """Its ratio of the p99 needs no precision, but six blocks."""

    def outcomes(blocks: int) -> list[Outcome]:
        loads = [("closed:8", 0.0), ("open:1000", 0.5)]
        return [
            synthetic.sample(
                synthetic.trial(block=number, stack=stack, load=load), stolen=share * (stack == "b" and number == 0)
            )
            for number in range(blocks)
            for load, share in loads
            for stack in "ab"
        ]

    assert stopping.ratios(outcomes(6), limits_of, STACKS, 0.05).wide == ["b json open:1000"]
    assert stopping.ratios(outcomes(7), limits_of, STACKS, 0.05).wide == []


def three_arms(spread: float, speed_b: float, speed_c: float) -> list[Outcome]:
    """Eight blocks of three stacks that scatter by `spread` around their true speeds."""
    speeds = {"a": (1.0, 0.0), "b": (speed_b, spread), "c": (speed_c, -spread)}
    return [
        synthetic.sample(
            synthetic.trial(block=number, stack=stack), rps=round(10_000 * speed * (1 + share * (-1) ** number))
        )
        for number in range(8)
        for stack, (speed, share) in speeds.items()
    ]


@pytest.mark.parametrize("spread", [0.04, 0.0475, 0.06])
def test_how_different_the_stacks_are_does_not_say_when_to_stop(spread: float) -> None:
    equal, apart = three_arms(spread, 1, 1), three_arms(spread, 2, 3)
    assert stopping.ratios(equal, limits_of, STACKS, 0.05).wide == stopping.ratios(apart, limits_of, STACKS, 0.05).wide


def measured(*counts: tuple[int, int, int]) -> list[Outcome]:
    """Outcomes: so many of each block and attempt."""
    return [
        synthetic.sample(synthetic.trial(block=number, attempt=attempt))
        for number, attempt, count in counts
        for _ in range(count)
    ]


def recorded(number: int = 0, attempt: int = 0) -> Block:
    return block(number=number).model_copy(update={"attempt": attempt})


def test_a_block_is_unmeasured_until_an_attempt_was_whole() -> None:
    assert stopping.unmeasured(range(2), [], 3) == [(0, 0), (1, 0)]
    assert stopping.unmeasured(range(3), measured((0, 0, 3), (1, 0, 2)), 3, [recorded()]) == [(1, 1), (2, 0)]
    assert stopping.unmeasured([1], measured((1, 0, 2), (1, 1, 3)), 3, [recorded(1, 1)]) == []


def test_a_block_that_was_killed_before_its_record_was_written_is_measured_again() -> None:
    """All its trials are on disk, and nobody knows whether the machine was quiet beside them."""
    assert stopping.unmeasured([0], measured((0, 0, 3)), 3) == [(0, 1)]


def test_a_noisy_block_whose_rerun_was_broken_off_is_repeated_and_no_more_often_than_allowed() -> None:
    noisy = [
        block().model_copy(update={"noise": "The reference workload was off.", "attempt": attempt})
        for attempt in range(2)
    ]
    assert stopping.unmeasured([0], measured((0, 0, 3), (0, 1, 1)), 3, noisy[:1], reruns=1) == [(0, 2)]
    assert stopping.unmeasured([0], measured((0, 0, 3), (0, 1, 3)), 3, noisy, reruns=1) == []
    assert stopping.unmeasured([0], measured((0, 0, 3)), 3, [block()], reruns=1) == []


def test_an_attempt_that_was_broken_off_uses_up_no_rerun() -> None:
    """Attempt 0 was killed and has no record; attempt 1 was noisy, so attempt 2 is the only rerun that is allowed."""
    noisy = block().model_copy(update={"noise": "The reference workload was off.", "attempt": 1})
    outcomes = measured((0, 0, 2), (0, 1, 3))
    assert stopping.unmeasured([0], outcomes, 3, [noisy], reruns=1) == [(0, 2)]
    again = noisy.model_copy(update={"attempt": 2})
    assert stopping.unmeasured([0], [*outcomes, *measured((0, 2, 3))], 3, [noisy, again], reruns=1) == []


def test_a_block_beyond_the_planned_ones_that_was_broken_off_is_attempted_again() -> None:
    """Its outcomes of before the interruption must not be counted together with the new ones."""
    assert stopping.unmeasured([10], measured((10, 0, 2)), 3) == [(10, 1)]
    assert stopping.unmeasured([10], measured((10, 0, 3)), 3, [recorded(10)]) == []


def test_a_run_without_any_ratio_does_not_claim_to_know_its_ratios() -> None:
    alone = [synthetic.sample(synthetic.trial(block, "a")) for block in range(6)]
    ratios = stopping.ratios(alone, limits_of, STACKS, 0.05)
    assert (
        str(ratios) == "no two arms have a valid block in common, so there is no ratio that more blocks would improve"
    )
    assert str(stopping.ratios(outcomes_with_spread(0.01), limits_of, STACKS, 0.05)) == (
        "each of the 1 ratios that this run has is known to 5 %"
    )
