"""Steady state: the halves of each window compared, with the blocks as replicates (after Kalibera and Jones, 2013).

A mean says little of a series that still climbs. One window is too noisy to decide it: the ratio of the halves is averaged
over the blocks and has an interval over them.
"""

import math
from collections.abc import Sequence

from lab.analysis.student import half_width
from lab.model.outcome import Driven, Sample

MARGIN = 0.05
"""Change between the halves from which on a cell is not steady: the margin of throughput, fixed beforehand."""
CONFIDENCE = 0.99
"""A run has up to a hundred cells, each of which is asked."""


def trend(samples: Sequence[Sample], enough: int, *, in_step: bool) -> str | None:
    """Return a sentence about a cell whose throughput changed within its windows; None where it was steady.

    Only closed load can speed up, and fewer than `enough` blocks make no claim. Users that wait together come back
    together: where they may be `in_step`, the halves may differ by the responses of one round beside the margin.
    """
    known = [(*halves, s) for s in samples if _may_tell(s) and (halves := halves_of(s.driven))]
    logs = [math.log(second / first) for first, second, _ in known if first and second]
    half = half_width(logs, CONFIDENCE)
    if half is None or len(logs) < enough:
        return None
    mean = math.fsum(logs) / len(logs)
    round_share = max(s.trial.load.amount / first for first, _, s in known if first) if in_step else 0
    if abs(mean) <= half or abs(math.expm1(mean)) <= MARGIN + round_share:
        return None
    return _sentence(mean, half, len(logs))


def _may_tell(sample: Sample) -> bool:
    """Return whether a change within the window would be the stack's: a process that was replaced explains one."""
    return sample.trial.load.kind == "closed" and not sample.serving_replaced


def halves_of(driven: Driven) -> tuple[int, int] | None:
    """Return what was completed in each half of a window; older runs know it of windows of an even number of seconds."""
    seconds = driven.completed_per_second
    if driven.completed_halves is not None or len(seconds) % 2 or len(seconds) != driven.window_s:
        return driven.completed_halves
    middle = len(seconds) // 2
    return sum(seconds[:middle]), sum(seconds[middle:])


def _sentence(mean: float, half: float, blocks: int) -> str:
    change, lo, hi = (100 * math.expm1(value) for value in (mean, mean - half, mean + half))
    what, advice = (
        ("rose", "the warm-up was too short for its final speed: lengthen warmup_s")
        if mean > 0
        else ("fell", "something fills up or slows down under load: measure with a longer window_s")
    )
    return (
        f"Throughput {what} by {abs(change):.0f} % from the first half of the window to the second "
        f"({100 * CONFIDENCE:.0f} % interval {lo:+.0f} to {hi:+.0f} %, {blocks} blocks); {advice}."
    )
