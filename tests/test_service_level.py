"""The search of a capacity at a service level: on rates whose truth is known, and in whole sessions on fakes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.answers.service_level import (
    SHARE,
    VOTES,
    WIDTH,
    Search,
    Tried,
    beyond,
    overloads,
    passes,
    search,
    within,
)
from lab.model.histogram import Histogram
from lab.model.outcome import Sample
from lab.report.view import view_of
from lab.report.write import write_report
from lab.run.store import RunFolder
from tests.fakes import INVALID, FakeWorld, ctrl_c
from tests.playing import play
from tests.synthetic import histogram, sample, trial


def searched(start: int, capacity: float, most: int = 200) -> tuple[Search, list[Tried]]:
    """What a search finds on a stack that passes up to a capacity, and its trials."""
    tried: list[Tried] = []
    found = search(start, tried)
    while found.next_rate is not None:
        assert len(tried) < most
        tried.append(Tried(found.next_rate, found.next_rate <= capacity))
        found = search(start, tried)
    return found, tried


@given(st.integers(1, 20_000), st.floats(5, 20_000))
def test_a_search_ends_at_both_sides_of_the_capacity(start: int, capacity: float) -> None:
    found, tried = searched(start, capacity)
    if found.why_not:
        assert capacity < start * 0.03 + 1
        return
    assert found.last_pass is not None
    assert found.first_fail is not None
    assert found.last_pass <= capacity < found.first_fail
    assert found.first_fail / found.last_pass <= WIDTH or found.first_fail - found.last_pass <= 1
    assert {rate: sum(one.rate == rate for one in tried) for rate in {one.rate for one in tried}} == dict.fromkeys(
        {one.rate for one in tried}, VOTES
    )


def test_a_search_near_the_capacity_is_short() -> None:
    _, tried = searched(900, 1000)
    assert len(tried) <= 14


def test_one_trial_of_three_may_be_wrong() -> None:
    assert search(100, [Tried(100, False)]).next_rate == 100
    assert search(100, [Tried(100, False), Tried(100, True)]).next_rate == 100
    found = search(100, [Tried(100, False), Tried(100, True), Tried(100, True)])
    assert (found.last_pass, found.first_fail, found.next_rate) == (100, None, 125)


def test_trials_of_a_disturbed_machine_say_nothing_and_end_the_search_in_the_end() -> None:
    disturbed = Tried(100, None)
    assert search(100, [disturbed, disturbed]).next_rate == 100
    found = search(100, [disturbed] * 3)
    assert (found.next_rate, found.why_not) == (None, "the machine was disturbed in 3 trials in a row")
    assert search(100, [disturbed, Tried(100, True), disturbed, Tried(100, True)]).last_pass == 100


def test_a_rate_that_passes_above_one_that_failed_leaves_the_bound_not_found() -> None:
    tried = [Tried(rate, passed) for rate, passed in ((100, False), (70, True), (120, True)) for _ in range(VOTES)]
    found = search(100, tried)
    assert (found.last_pass, found.first_fail, found.next_rate) == (70, 100, None)
    assert found.why_not.startswith("it passes at 120 requests/s, above a rate at which it failed")


@pytest.mark.parametrize(("capacity", "why"), [(0.5, "it fails even at"), (1e9, "it passes even at")])
def test_a_bound_that_is_not_found_is_said(capacity: float, why: str) -> None:
    found, _ = searched(1000, capacity)
    assert found.why_not.startswith(why)
    assert (found.last_pass is None) == (capacity < 1)


@pytest.mark.parametrize(("slow", "passed"), [(0, True), (10, True), (11, False)])
def test_a_trial_passes_where_ninety_nine_of_a_hundred_are_answered_in_time(slow: int, passed: bool) -> None:
    latency = histogram({8.0: 1000 - slow, 150.0: slow})
    assert passes(sample(rps=500, latency=latency), limit_ms=100) == passed


def test_errors_and_drops_miss_the_level() -> None:
    assert SHARE == 0.99
    lost = sample(rps=500, latency=histogram({8.0: 989}), completed=989, errors={"status 500": 6}, dropped=5)
    assert within(lost, 100) == 989
    assert not passes(lost, limit_ms=100)
    assert not passes(sample(rps=0, latency=histogram({})), limit_ms=100)


@given(st.lists(st.integers(1, 10_000_000), min_size=1, max_size=50), st.integers(1, 10_000_000))
def test_a_histogram_counts_what_is_at_most_a_limit(values_us: list[int], limit_us: int) -> None:
    import numpy as np

    found = Histogram()
    found.add(np.array(values_us) / 1e6)
    exact = [sum(value <= limit_us * factor for value in values_us) for factor in (0.999, 1.001)]
    assert exact[0] <= found.count_until(limit_us) <= exact[1]


def test_beyond_the_capacity_goodput_counts_only_what_was_in_time() -> None:
    late = [
        sample(
            trial(block=number, load="open:600"),
            rps=600,
            latency=histogram({50.0: 600, 400.0: 500}),
            completed=1100,
            errors={"timeout": 60},
            dropped=40,
            drained_s=104.5,
        )
        for number in range(3)
    ]
    found = beyond(600, late, limit_ms=100)
    assert found.goodput_rps == 300
    assert found.error_share == pytest.approx(100 / 1200)
    assert found.drain_s == pytest.approx(2.0)
    assert overloads(500) == (600, 1000)


class Served(dict[str, Any]):
    """Answers of a fake driver: in time up to a capacity of 1,000 requests/s, late beyond it."""

    def get(self, word: str, default: Any = None) -> Any:
        if not word.startswith("capacity") or " open:" not in word:
            return default
        late = int(word.rpartition(":")[2]) > 1000
        return {"latency": histogram({500.0 if late else 8.0: 2000})}


LEVEL: dict[str, Any] = {"capacity_p99_ms": 100, "capacity_scenarios": ["json"], "blocks": 1}


def rates(folder: Path, stack: str) -> Iterator[int]:
    return (one.trial.load.amount for one in RunFolder(folder).searched() if one.trial.stack == stack)


def test_a_session_searches_each_stack_and_tries_what_is_beyond(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", FakeWorld(trials=Served(any={})), **LEVEL)
    assert ran.whole
    assert {one.trial.stack for one in RunFolder(tmp_path / "run").searched()} == {"a", "b"}
    view = view_of(tmp_path / "run")
    assert [(one.stack, one.scenario) for one in view.capacities] == [("a", "json"), ("b", "json")]
    for one in view.capacities:
        assert one.search.last_pass is not None
        assert one.search.first_fail is not None
        assert 950 <= one.search.last_pass <= 1000 < one.search.first_fail <= 1060
        assert [found.goodput_rps for found in one.beyond] == [0, 0]
        assert list(rates(tmp_path / "run", one.stack)).count(one.beyond[1].rate) == 3
    write_report(view)
    report = (tmp_path / "run/report.md").read_text()
    assert "## Capacity at a service level" in report
    first, second = sorted(view.capacities, key=lambda one: -(one.search.last_pass or 0))
    told = ", ".join(f"{one.stack} {one.search.last_pass:,} requests/s" for one in (first, second))
    assert f"- **Capacity of json within 100 ms**: {told}." in report


def test_an_interrupted_search_goes_on_where_it_was(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    play(whole, FakeWorld(trials=Served(any={})), **LEVEL)
    stopped = 7
    world = FakeWorld(trials=Served(any={}))

    def count() -> None:
        if len(RunFolder(broken).searched()) == stopped:
            ctrl_c()

    world.at = {"capacity a json": count, "capacity b json": count}
    assert not play(broken, world, **LEVEL).whole
    assert len(RunFolder(broken).searched()) == stopped
    assert play(broken, FakeWorld(trials=Served(any={})), **LEVEL).whole
    for stack in ("a", "b"):
        assert sorted(rates(broken, stack)) == sorted(rates(whole, stack))


def test_a_machine_that_is_always_disturbed_ends_the_search(tmp_path: Path) -> None:
    disturbed = {f"capacity {stack} json": INVALID for stack in "ab"}
    ran = play(tmp_path / "run", FakeWorld(trials=disturbed), **LEVEL)
    assert ran.whole
    assert all(isinstance(one, Sample) for one in RunFolder(tmp_path / "run").searched())
    found = view_of(tmp_path / "run").capacities
    assert {one.search.why_not for one in found} == {"the machine was disturbed in 3 trials in a row"}
    assert "Bound not found" in _report(tmp_path / "run")


def _report(folder: Path) -> str:
    write_report(view_of(folder))
    return (folder / "report.md").read_text()


def test_a_stack_without_a_throughput_is_not_searched(tmp_path: Path) -> None:
    world = FakeWorld(trials={f"block-00 {stack} json": INVALID for stack in ("a", "a@aa")})
    play(tmp_path / "run", world, **(LEVEL | {"reruns": 0}))
    assert {one.trial.stack for one in RunFolder(tmp_path / "run").searched()} == {"b"}
