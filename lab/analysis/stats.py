"""Numbers of a cell from the samples of its blocks: percentiles, throughput, costs.

The block is the unit of replication, never the request.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import NamedTuple

from lab.analysis.student import half_width
from lab.model.cell import Value
from lab.model.histogram import Histogram
from lab.model.outcome import Driven, Sample

CONFIDENCE = 0.95


class Percentile(NamedTuple):
    """How many requests a percentile needs: ten beyond it in the cell, and one beyond it in each block."""

    percent: float
    in_cell: int
    in_block: int


P50, P90, P95, P99 = Percentile(50, 20, 2), Percentile(90, 100, 10), Percentile(95, 200, 20), Percentile(99, 1_000, 100)
CURVE = (
    *(Percentile(percent, 20, 2) for percent in (10, 25)),
    P50,
    Percentile(75, 40, 4),
    P90,
    P95,
    P99,
    Percentile(99.9, 10_000, 1_000),
)
"""What a curve of percentiles shows."""
LONG_MS = 50
"""Answers that took longer are counted where scenarios run beside each other: a share, since few of them move no median."""


Encoded = Callable[[Sample], str | None]
"""Takes an encoded histogram out of a sample."""


def over_blocks(samples: Iterable[Sample], measure: Callable[[Sample], float | None]) -> list[float]:
    """Return what each block measured: the geometric mean where it has two samples, of the baseline and of its A/A arm."""
    found: dict[int, list[float]] = {}
    for sample in samples:
        if (value := measure(sample)) is not None:
            found.setdefault(sample.trial.block, []).append(value)
    means = (geometric(values) for values in found.values())
    return [mean.mean for mean in means if mean is not None]


def percentile_ms(samples: Sequence[Sample], encoded: Encoded, wanted: Percentile) -> float | None:
    """Return the geometric mean over blocks of each block's own percentile, in ms; None where too few requests were made.

    It is the quantity that comparisons form ratios of, so a ratio of two cells is the ratio of what the table shows.
    A percentile of all blocks' histograms merged would be another one: a single slow block can move it alone.
    """
    known = [latencies(text) for sample in samples if (text := encoded(sample)) is not None]
    if sum(one.count for one in known) < wanted.in_cell or any(one.count < wanted.in_block for one in known):
        return None
    return _over_blocks_ms(samples, encoded, lambda one: one.percentiles_ms[wanted.percent])


def mean_ms(samples: Sequence[Sample]) -> float | None:
    """Return the geometric mean over blocks of each block's mean latency, in ms; None without a request."""
    return _over_blocks_ms(samples, lambda sample: sample.driven.latency, lambda one: one.mean_ms)


def _over_blocks_ms(
    samples: Sequence[Sample], encoded: Encoded, figure: Callable[["Latencies"], float | None]
) -> float | None:
    def measure(sample: Sample) -> float | None:
        text = encoded(sample)
        return None if text is None else figure(latencies(text))

    found = geometric(over_blocks(samples, measure))
    return None if found is None else found.mean


@lru_cache(maxsize=65_536)
def latencies(encoded: str) -> "Latencies":
    """Return the figures of one encoded histogram; decoding it takes most of a report's time."""
    found = Histogram.decode(encoded)
    known = found.percentiles_us([one.percent for one in CURVE])
    percentiles_ms = {one.percent: per(us, 1e3) for one, us in zip(CURVE, known, strict=True)}
    return Latencies(
        found.count, per(found.mean_us(), 1e3), percentiles_ms, found.count - found.count_until(LONG_MS * 1e3)
    )


@dataclass(frozen=True)
class Latencies:
    """One block's times."""

    count: int
    mean_ms: float | None
    percentiles_ms: Mapping[float, float | None]
    """Percent -> that percentile; None where nothing was counted."""
    long: int
    """Those above `LONG_MS`."""


def held_at_once(samples: Sequence[Sample]) -> float | None:
    """Return the requests that were open at once, mean over all windows: the time they were open over the windows' length."""
    window_s = sum(sample.driven.window_s for sample in samples)
    return per(sum(sample.driven.in_flight_s for sample in samples), window_s)


def geometric(values: Iterable[float | None]) -> Value | None:
    """Return the geometric mean with its 95 % t-interval over blocks: computed from the logs, transformed back.

    Rates, costs and latencies vary in proportion to their size: their logs are closer to normal than they are.
    None where no block gave a value; without interval where only one did, or where one was 0 (plain mean then).
    """
    known = [value for value in values if value is not None]
    if not known:
        return None
    if len(known) < 2 or min(known) <= 0:
        return Value(mean=sum(known) / len(known))
    logs = [math.log(value) for value in known]
    mean, half = math.fsum(logs) / len(logs), half_width(logs, CONFIDENCE) or 0
    return Value(mean=math.exp(mean), lo=math.exp(mean - half), hi=math.exp(mean + half))


def rps(sample: Sample) -> float:
    """Return the correct responses that ended in the window, per second of it."""
    return sample.driven.completed / sample.driven.window_s


def cpu_us_per_request(sample: Sample) -> float | None:
    """Return the server's CPU time in the window over the correct responses that ended in it, in us."""
    usage = sample.usage.get("server")
    return None if usage is None or sample.is_portion else per(usage.cpu_s, sample.driven.completed, 1e6)


def memory_mb(samples: Iterable[Sample]) -> float | None:
    """Return the median over blocks of the server's memory at the window's end, in 10^6 bytes."""
    usages = (sample.usage.get("server") for sample in samples)
    return middle(per(usage.memory_bytes, 1e6) for usage in usages if usage is not None)


def per_request(samples: Sequence[Sample], count: Callable[[Driven], int | None]) -> float | None:
    """Divide what was counted by the requests that the same windows sent (one that was dropped needed no connection).

    None where it was not counted in each of them.
    """
    known = [counted for sample in samples if (counted := count(sample.driven)) is not None]
    sent = sum(sample.driven.requests - sample.driven.dropped for sample in samples)
    return sum(known) / sent if sent and len(known) == len(samples) else None


def middle_of_all(values: Iterable[float | None]) -> float | None:
    """Return the median; None where not all of them are known."""
    known = list(values)
    return None if None in known else middle(known)


def per(amount: float | None, of: float, scale: float = 1) -> float | None:
    """Return `amount / of * scale`; None where the amount is not known or there is nothing to divide by."""
    return None if amount is None or not of else amount / of * scale


def middle(values: Iterable[float | None]) -> float | None:
    """Return the median of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return median(known) if known else None
