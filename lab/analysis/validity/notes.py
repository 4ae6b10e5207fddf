"""What does not change a trial's verdict but must be said of its cell: a table, as CHECKS is one.

A note has an amount. A cell says each kind once: in how many of its blocks, with the median over those blocks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from statistics import median

from lab.analysis.stats import latencies
from lab.analysis.validity.limits import Limits
from lab.analysis.validity.use import quota_share, stall_ms
from lab.model.outcome import Sample
from lab.model.stalls import usual_causes

QUOTA_NAMED = 0.01
"""Share of the window from which on a quota of the server is named."""
LAG = 0.15
"""Share of the p99 latency from which on the generator's lag (p99) is named."""
UNEVEN = 5
"""Closed load without think time, which lets queues come and go: how many times its p50 a mean latency may be before it is named."""


class Kind(Enum):
    """What a note is about."""

    STALL = auto()
    REPLACED = auto()
    QUOTA = auto()
    UNEVEN = auto()
    LAG = auto()


@dataclass(frozen=True)
class Note:
    """One kind with the amount of one trial."""

    kind: Kind
    amount: float


Measure = Callable[[Sample, Limits], float | None]
"""Returns the amount to be named, or None where there is nothing to say."""


def _replaced(sample: Sample, _: Limits) -> float | None:
    return sample.serving_replaced or None


def _throttled(sample: Sample, _: Limits) -> float | None:
    share = quota_share(sample)
    return share if share is not None and share >= QUOTA_NAMED else None


def _served_unevenly(sample: Sample, _: Limits) -> float | None:
    if sample.trial.load.kind == "open" or sample.driven.thinking_s:
        return None
    latency = latencies(sample.driven.latency)
    mean_ms, p50_ms = latency.mean_ms, latency.percentiles_ms[50]
    return mean_ms / p50_ms if mean_ms and p50_ms and mean_ms > UNEVEN * p50_ms else None


def _lag_ms(sample: Sample, _: Limits) -> float | None:
    if sample.driven.lag is None:
        return None
    lag_ms = latencies(sample.driven.lag).percentiles_ms[99]
    p99_ms = latencies(sample.driven.latency).percentiles_ms[99]
    return lag_ms if lag_ms and p99_ms and lag_ms >= LAG * p99_ms else None


def _say_stall(ms: float) -> str:
    return f"{ms:,.0f} ms per request are neither waiting nor CPU: all CPUs were idle; {usual_causes(ms)}"


def _say_replaced(times: float) -> str:
    return (
        f"serving processes were replaced {times:,.0f} time{'s' * (times != 1)} in the window, which throughput and p99 "
        "include; a limit of requests per worker (such as --max-requests) may do this, or workers that die: see the "
        "command and the log"
    )


def _say_throttled(share: float) -> str:
    return (
        f"a CPU quota kept the server from running for {100 * share:.0f} % of the window: it was throttled, which does "
        "not say that the stack is slow; remove `cpus:`, or compare stacks with the same quota only"
    )


def _say_uneven(times: float) -> str:
    return (
        f"the mean latency was {times:,.0f} times the p50; a few connections are served at once while the others wait: "
        "read the mean, not the p50"
    )


def _say_lag(ms: float) -> str:
    return (
        f"the generator sent one in a hundred requests {ms:.1f} ms late or more, which is in the p99: without it the p99 would be "
        "up to that much lower"
    )


NOTES: tuple[tuple[Kind, Measure, Callable[[float], str]], ...] = (
    (Kind.STALL, stall_ms, _say_stall),
    (Kind.REPLACED, _replaced, _say_replaced),
    (Kind.QUOTA, _throttled, _say_throttled),
    (Kind.UNEVEN, _served_unevenly, _say_uneven),
    (Kind.LAG, _lag_ms, _say_lag),
)


def noted(sample: Sample, limits: Limits) -> tuple[Note, ...]:
    """Return what must be said of one trial beside its verdict."""
    found = ((kind, measure(sample, limits)) for kind, measure, _ in NOTES)
    return tuple(Note(kind, amount) for kind, amount in found if amount is not None)


def said(notes: Sequence[Sequence[Note]]) -> Iterator[str]:
    """Yield one sentence for each kind, from the notes of each of a cell's blocks."""
    for kind, _, say in NOTES:
        amounts = [note.amount for block in notes for note in block if note.kind is kind]
        if amounts:
            yield f"In {len(amounts)} of {len(notes)} blocks (median): {say(median(amounts))}."
