"""The truth of a server with known delays is computed rightly, and a test of it that was disturbed is made again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.calibrate import truths
from lab.calibrate.truth import (
    CATCH_UP_S,
    Log,
    closed_latencies,
    delays_s,
    is_near,
    open_latencies,
    percentiles_ms,
)
from tests.synthetic import a_truth_test


def log_of(due: list[float], delay_s: float, freezes: list[tuple[float, float]]) -> Log:
    """What a server writes down that is reached at once, freezes, and then catches up in no time."""
    received = [next((end for start, end in freezes if start <= moment < end), moment) for moment in due]
    return Log(
        numbers=tuple(range(1, len(due) + 1)),
        received=tuple(received),
        written=tuple(moment + delay_s for moment in received),
        freezes=tuple(freezes),
    )


DUE = st.lists(st.floats(0, 20), min_size=1, max_size=50).map(sorted)


@given(DUE, st.floats(0.001, 0.05), st.floats(0, 4))
def test_who_is_due_in_a_freeze_waits_for_its_end_and_then_as_long_as_all(
    due: list[float], delay_s: float, first_s: float
) -> None:
    freezes = [(first_s + 5 * number, first_s + 5 * number + 1) for number in range(4)]
    truth = open_latencies(log_of(due, delay_s, freezes), due, 0, 21)
    frozen_s = [next((end - moment for start, end in freezes if start <= moment < end), 0.0) for moment in due]
    assert truth == pytest.approx([delay_s + left for left in frozen_s])


@given(st.floats(0.1, 1), st.integers(100, 1000))
def test_a_frozen_share_of_evenly_due_requests_waits_evenly_long(freeze_s: float, rate: int) -> None:
    """By arithmetic: of a second in which the server freezes for f, the share f waits 0 to f."""
    due = [number / rate for number in range(rate)]
    truth = open_latencies(log_of(due, 0.0, [(0.0, freeze_s)]), due, 0, 1)
    assert np.sort(truth)[::-1] == pytest.approx(np.maximum(freeze_s - np.array(due), 0), abs=1e-9)


@given(st.floats(0.001, 5))
def test_a_generator_that_sends_late_is_not_excused(late_s: float) -> None:
    log = Log(numbers=(1,), received=(1 + late_s,), written=(1.005 + late_s,))
    assert open_latencies(log, [1.0], 0, 2) == pytest.approx([0.005])


def test_what_the_server_takes_to_catch_up_is_in_the_truth() -> None:
    log = Log(numbers=(1, 2), received=(2.0, 2.05), written=(2.01, 2.06), freezes=((1.0, 2.0),))
    assert open_latencies(log, [1.5, 2.0], 0, 3) == pytest.approx([0.51, 0.06])
    assert CATCH_UP_S > 0.05


def test_requests_are_known_by_number_not_by_order_and_the_probe_is_none_of_them() -> None:
    log = Log(numbers=(0, 2, 1), received=(0, 2, 2.1), written=(0.001, 2.2, 2.5))
    assert open_latencies(log, [1.9, 1.95], 0, 3) == pytest.approx([0.4, 0.2])


def test_only_the_window_counts() -> None:
    log = Log(numbers=(1, 2, 3), received=(0.5, 1.5, 2.5), written=(0.6, 1.7, 2.8))
    assert open_latencies(log, [0.5, 1.5, 2.5], 1, 2) == pytest.approx([0.2])
    assert closed_latencies(log, 1, 2) == pytest.approx([0.2])


def test_a_request_that_never_reached_the_server_is_an_error() -> None:
    with pytest.raises(KeyError):
        open_latencies(Log(numbers=(1,), received=(1.0,), written=(1.1,)), [1.0, 1.5], 0, 2)


def test_a_percentile_is_a_value_that_was_seen_and_p999_wants_ten_thousand() -> None:
    many = np.arange(1, 10_001) / 1e3
    assert percentiles_ms(many) == pytest.approx({"p50": 5000, "p90": 9000, "p99": 9900, "p99.9": 9990})
    assert "p99.9" not in percentiles_ms(many[:-1])
    assert percentiles_ms(many[:0]) == {}


def test_near_is_three_per_cent_or_three_tenths_of_a_millisecond() -> None:
    assert is_near(5.29, 5.0)
    assert not is_near(5.31, 5.0)
    assert is_near(1029, 1000)
    assert not is_near(969, 1000)


def test_the_two_valued_delays_hold_more_than_a_tenth_of_slow_ones_wherever_a_window_lies() -> None:
    draws = delays_s("two-valued")
    slow = np.cumsum([next(draws) > 0.01 for _ in range(20_000)])
    for start in range(0, 2_000, 100):
        assert all(slow[end] - slow[start] > 0.1 * (end - start) + 20 for end in range(start + 9_000, 20_000, 100))


@pytest.mark.parametrize(
    ("waits_ms", "counted_ms", "rejected_ms"),
    [([0.5], 0.5, []), ([9.0, 6.0, 4.0], 4.0, [9.0, 6.0]), ([9.0, 8.0, 7.0, 10.0], 7.0, [9.0, 8.0, 10.0])],
)
def test_a_truth_test_whose_driver_waited_is_made_again(
    monkeypatch: pytest.MonkeyPatch, waits_ms: list[float], counted_ms: float, rejected_ms: list[float]
) -> None:
    """By how long it waited, not by what came out; the attempt that waited least counts, and the others are kept."""
    attempts = iter(waits_ms)
    monkeypatch.setattr(truths, "_attempt", lambda *_: a_truth_test(next(attempts)))
    seen = truths.measure(None, None, truths.Test("constant", "closed:8", 10.0), stock=False)  # type: ignore[arg-type]
    assert seen.generator_waited_ms == counted_ms
    assert [one.generator_waited_ms for one in seen.rejected] == rejected_ms
    assert list(attempts) == []
    waited = truths.findings([seen])[-1].value
    assert all(f"{ms:.1f}" in waited for ms in [counted_ms, *rejected_ms])


def test_errors_make_a_truth_test_miss_its_goal() -> None:
    test = a_truth_test()
    assert [row.met for row in truths.findings([test])] == [True, True, True, False, None]
    rejected = test.model_copy(update={"errors": {"timeout": 1}})
    assert not any(row.met for row in truths.findings([rejected]))
