"""Capacity at a service level: the highest rate at which 99 % of the requests are answered correctly within a limit.

A bracket, then bisection of the log rate; a rate passes on the majority of its trials (as MLRsearch, RFC 9971, does for routers).
Everything follows from the trials so far, so a search that was interrupted goes on where it was.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from lab.analysis import stats
from lab.analysis.validity.limits import Limits
from lab.analysis.validity.verdict import judge
from lab.model.histogram import Histogram
from lab.model.outcome import Outcome, Sample
from lab.model.workload import Trial

SHARE = 0.99
"""Of the requests that were due: so many are answered within the limit where a trial passes."""
WIDTH = 1.05
"""The search ends where the first failing rate is so many times the last passing one."""
VOTES = 2
"""Trials of three that decide on a rate."""
UP, DOWN = 1.25, 0.7
"""Steps to a bracket."""
LEAST_SHARE, MOST_RATE = 0.02, 100_000
"""A search gives up below this share of its first rate, and above this rate."""
VOID = 3
"""A search gives up after so many trials in a row that the machine disturbed."""
OVERLOADS = (1.2, 2.0)
"""Times the capacity: what happens beyond it."""


@dataclass(frozen=True)
class Tried:
    """A trial of a search; `passed` is None where the machine was to blame, so that it says nothing."""

    rate: int
    passed: bool | None


@dataclass(frozen=True)
class Search:
    """How far a search is: the rate to try next (None: it is over), and both ends as far as they are known."""

    next_rate: int | None
    last_pass: int | None
    first_fail: int | None
    why_not: str = ""
    """Why an end was not found; empty where both were, or where the search goes on."""


def search(start: int, tried: Sequence[Tried]) -> Search:
    """Return how far a search is that begins at a rate, after these trials.

    Args:
        start: requests per second.
        tried: in their order.
    """
    votes: dict[int, list[bool]] = defaultdict(list)
    for one in tried:
        if one.passed is not None:
            votes[one.rate].append(one.passed)
    passed = [rate for rate, found in votes.items() if found.count(True) >= VOTES]
    failed = [rate for rate, found in votes.items() if found.count(False) >= VOTES]
    first_fail = min(failed, default=None)
    last_pass = max((rate for rate in passed if first_fail is None or rate < first_fail), default=None)
    if len(tried) >= VOID and all(one.passed is None for one in tried[-VOID:]):
        return Search(None, last_pass, first_fail, f"the machine was disturbed in {VOID} trials in a row")
    open_rates = [rate for rate in votes if rate not in passed and rate not in failed]
    if open_rates:
        return Search(open_rates[0], last_pass, first_fail)
    if first_fail is not None and (higher := max(passed, default=0)) > first_fail:
        why = (
            f"it passes at {higher:,} requests/s, above a rate at which it failed, so something else disturbed it there"
        )
        return Search(None, last_pass, first_fail, why)
    return _next(start, last_pass, first_fail)


def _next(start: int, last_pass: int | None, first_fail: int | None) -> Search:
    """Return the next rate where every rate so far is decided."""
    if last_pass is None and first_fail is None:
        return Search(start, None, None)
    if last_pass is None or first_fail is None:
        known = first_fail if last_pass is None else last_pass
        rate = _step(known or start, DOWN if last_pass is None else UP)
        if rate < max(1, start * LEAST_SHARE):
            return Search(None, None, first_fail, f"it fails even at {first_fail:,} requests/s")
        if rate > MOST_RATE:
            return Search(None, last_pass, None, f"it passes even at {last_pass:,} requests/s")
        return Search(rate, last_pass, first_fail)
    middle = round(sqrt(last_pass * first_fail))
    done = first_fail / last_pass <= WIDTH or middle in (last_pass, first_fail)
    return Search(None if done else middle, last_pass, first_fail)


def _step(rate: int, factor: float) -> int:
    """Return another rate, also where it is so small that rounding gives the same."""
    return round(rate * factor) if round(rate * factor) != rate else rate + (1 if factor > 1 else -1)


def overloads(capacity: int) -> tuple[int, ...]:
    """Return the rates beyond a capacity that are tried."""
    return tuple(round(capacity * times) for times in OVERLOADS)


def passes(sample: Sample, limit_ms: float) -> bool:
    """Return whether enough of the requests that were due in the window were answered correctly within the limit."""
    due = sample.driven.requests
    return due > 0 and within(sample, limit_ms) >= SHARE * due


def within(sample: Sample, limit_ms: float) -> int:
    """Count the requests of the window that were answered correctly within the limit."""
    return Histogram.decode(sample.driven.latency).count_until(limit_ms * 1e3)


def tried(outcomes: Sequence[Outcome], limits_of: Callable[[Trial], Limits], limit_ms: float) -> list[Tried]:
    """Return what trials of one search say; those that the machine disturbed say nothing."""
    found = []
    for one in outcomes:
        result = judge(one, limits_of(one.trial)).result
        passed = (
            None if result == "invalid" else isinstance(one, Sample) and result == "valid" and passes(one, limit_ms)
        )
        found.append(Tried(one.trial.load.amount, passed))
    return found


@dataclass(frozen=True)
class Beyond:
    """What a stack does at a rate beyond its capacity, medians over the trials."""

    rate: int
    goodput_rps: float | None
    """Correct answers within the limit, per second."""
    error_share: float | None
    p50_ms: float | None
    drain_s: float | None
    """How long the last requests took to end after the window: the queue that was left, or its rest at the timeout."""


def beyond(rate: int, samples: Iterable[Sample], limit_ms: float) -> Beyond:
    """Return what the trials at a rate show."""
    seen = list(samples)
    return Beyond(
        rate=rate,
        goodput_rps=stats.middle(within(one, limit_ms) / one.driven.window_s for one in seen),
        error_share=stats.middle(
            stats.per(sum(one.driven.errors.values()) + one.driven.dropped, one.driven.requests) for one in seen
        ),
        p50_ms=stats.middle(stats.latencies(one.driven.latency).percentiles_ms[stats.P50.percent] for one in seen),
        drain_s=stats.middle(max(0.0, one.driven.drained_s - one.driven.window_end_s) for one in seen),
    )


def found_in(
    outcomes: Sequence[Outcome], limits_of: Callable[[Trial], Limits], limit_ms: float
) -> tuple[Search, tuple[Beyond, ...]]:
    """Return what the trials of one search found, and what is beyond the capacity."""
    first = outcomes[0].trial.load.amount
    found = search(first, tried(outcomes, limits_of, limit_ms))
    samples = [
        one for one in outcomes if isinstance(one, Sample) and judge(one, limits_of(one.trial)).result != "invalid"
    ]
    rates = overloads(found.last_pass) if found.last_pass else ()
    return found, tuple(
        beyond(rate, [one for one in samples if one.trial.load.amount == rate], limit_ms) for rate in rates
    )
