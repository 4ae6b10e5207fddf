"""What does not change a trial's verdict but must be said of its cell: a table, as CHECKS is one.

A note has an amount. A cell says each kind once: in how many of its blocks, with the median over those blocks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import median

from lab.histogram import Histogram
from lab.judge.bounds import Setting, quota_share
from lab.nouns import Sample


class Kind(Enum):
    """What is said, with a place for the amount; why it may be, what to do next."""

    REPLACED = (
        "its serving processes were replaced {:,.0f} times in the window",
        "a limit of requests per worker (such as --max-requests) may do this, or workers that die: look for it in the "
        "command and the log; throughput and p99 include the restarts",
    )
    QUOTA = (
        "a CPU quota kept the server from running for {:.0%} of the window",
        "this is the quota's result and not the stack's: remove `cpus:` or compare stacks with the same quota only",
    )

    UNEVEN = (
        "the mean latency was {:,.0f} times the p50",
        "a few connections are served at once while the others wait: read the mean, not the p50",
    )

    def __init__(self, what: str, advice: str) -> None:
        self.what = what
        self.advice = advice


@dataclass(frozen=True)
class Note:
    """One kind with the amount of one trial."""

    kind: Kind
    amount: float


Measure = Callable[[Sample, Setting], float | None]
"""Returns the amount to be named, or None where there is nothing to say."""

QUOTA_NAMED = 0.01
"""Share of the window from which on a quota of the server is named."""


def _replaced(sample: Sample, _: Setting) -> float | None:
    return sample.serving_replaced or None


def _throttled(sample: Sample, _: Setting) -> float | None:
    share = quota_share(sample)
    return share if share is not None and share >= QUOTA_NAMED else None


UNEVEN = 5
"""Closed load: how many times its p50 a mean latency may be before it is named."""


def _served_unevenly(sample: Sample, _: Setting) -> float | None:
    if sample.trial.load.kind == "open":
        return None
    latency = Histogram.decode(sample.driven.latency)
    mean_us, p50_us = latency.mean_us(), latency.percentile_us(50)
    return mean_us / p50_us if mean_us and p50_us and mean_us > UNEVEN * p50_us else None


NOTES: tuple[tuple[Kind, Measure], ...] = (
    (Kind.REPLACED, _replaced),
    (Kind.QUOTA, _throttled),
    (Kind.UNEVEN, _served_unevenly),
)


def noted(sample: Sample, setting: Setting) -> tuple[Note, ...]:
    """Return what must be said of one trial beside its verdict."""
    found = ((kind, measure(sample, setting)) for kind, measure in NOTES)
    return tuple(Note(kind, amount) for kind, amount in found if amount is not None)


def said(notes: Sequence[Sequence[Note]]) -> Iterator[str]:
    """Yield one sentence for each kind, from the notes of each of a cell's blocks."""
    for kind, _ in NOTES:
        amounts = [note.amount for block in notes for note in block if note.kind is kind]
        if amounts:
            yield f"{_in_blocks(len(amounts), len(notes))}: {kind.what.format(median(amounts))}; {kind.advice}."


def _in_blocks(some: int, blocks: int) -> str:
    return f"In {some} of {blocks} blocks (median)" if blocks > 1 else "In its only block"
