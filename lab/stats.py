"""Numbers of a cell from the samples of its blocks: percentiles, throughput, costs.

The block is the unit of replication, never the request.
"""

import math
from collections.abc import Iterable, Sequence
from statistics import median

from scipy import stats as distributions  # type: ignore[import-untyped]

from lab.histogram import Histogram
from lab.nouns import Sample, Value

CONFIDENCE = 0.95
REQUESTS_FOR: dict[float, int] = {99: 1_000, 99.9: 10_000}
"""Percentile -> requests that a cell needs so that at least ten lie beyond it."""
REQUESTS_FOR_BLOCK_P99 = 100
"""A block's own p99 is only ever compared inside a valid cell; below this it would be the block's maximum."""


def percentile_ms(samples: Sequence[Sample], percent: float) -> float | None:
    """Percentile of the histograms merged over blocks, in ms; None where too few requests were made to know it."""
    merged = Histogram.merged(sample.driven.latency for sample in samples)
    return _ms(merged, percent) if merged.count >= REQUESTS_FOR.get(percent, 1) else None


def aside_ms(samples: Sequence[Sample], name: str, percent: float) -> float | None:
    """The same of times that are kept beside the latency; None where there are none of that name."""
    merged = Histogram.merged(s.driven.asides[name] for s in samples if name in s.driven.asides)
    return _ms(merged, percent) if merged.count >= REQUESTS_FOR.get(percent, 1) else None


def open_p99_ms(encoded: Iterable[str | None]) -> float | None:
    """The 99th percentile of service or lag, merged over blocks; None in closed load, and where too few were counted."""
    merged = Histogram.merged(text for text in encoded if text is not None)
    return _ms(merged, 99) if merged.count >= REQUESTS_FOR[99] else None


def held_at_once(samples: Sequence[Sample]) -> float | None:
    """Requests that were open at once, mean over all windows: the time they were open over the windows' length."""
    window_s = sum(sample.driven.window_s for sample in samples)
    return sum(sample.driven.in_flight_s for sample in samples) / window_s if window_s else None


def _ms(histogram: Histogram, percent: float) -> float | None:
    microseconds = histogram.percentile_us(percent)
    return None if microseconds is None else microseconds / 1e3


def geometric(values: Iterable[float | None]) -> Value | None:
    """Geometric mean with its 95 % t-interval over blocks: computed from the logs, transformed back.

    Rates and costs vary in proportion to their size, so that their logs are closer to normal than they are.
    None where no block gave a value; without interval where only one did, or where one was 0 (plain mean then).
    """
    known = [value for value in values if value is not None]
    if not known:
        return None
    if len(known) < 2 or min(known) <= 0:
        return Value(mean=sum(known) / len(known))
    logs = [math.log(value) for value in known]
    mean, half = t_interval(logs, CONFIDENCE)
    return Value(mean=math.exp(mean), lo=math.exp(mean - half), hi=math.exp(mean + half))


def t_interval(values: Sequence[float], confidence: float) -> tuple[float, float]:
    """Mean and half width of Student's interval of at least two values."""
    n = len(values)
    mean = math.fsum(values) / n
    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    quantile = float(distributions.t.ppf((1 + confidence) / 2, n - 1))
    return mean, quantile * math.sqrt(variance / n)


def rps(sample: Sample) -> float:
    """Correct responses that ended in the window, per second of it."""
    return sample.driven.completed / sample.driven.window_s


def cpu_us_per_request(sample: Sample) -> float | None:
    """Server CPU time of the window over the correct responses that ended in it, in us."""
    usage = sample.usage.get("server")
    if usage is None or usage.cpu_s is None or not sample.driven.completed:
        return None
    return usage.cpu_s / sample.driven.completed * 1e6


def block_p99_ms(sample: Sample) -> float | None:
    """One block's own 99th percentile in ms, for ratios inside the block."""
    latencies = Histogram.decode(sample.driven.latency)
    return _ms(latencies, 99) if latencies.count >= REQUESTS_FOR_BLOCK_P99 else None


def memory_mb(samples: Iterable[Sample]) -> float | None:
    """Median over blocks of the server's memory at the window's end, in 10^6 bytes."""
    usages = (sample.usage.get("server") for sample in samples)
    return middle(usage.memory_bytes / 1e6 for usage in usages if usage is not None and usage.memory_bytes is not None)


def connects_per_request(samples: Sequence[Sample]) -> float | None:
    """Connections opened per request, both over the whole trial.

    The driver counts requests in the window only; those of the warm-up are taken to have come at the same rate.
    """
    return _per_request([sample.driven.connects for sample in samples], samples)


def reconnects_per_request(samples: Sequence[Sample]) -> float | None:
    """The same of those connections that were kept and that the server had closed meanwhile."""
    return _per_request([sample.driven.reconnects for sample in samples], samples)


def _per_request(counts: Sequence[int | None], samples: Iterable[Sample]) -> float | None:
    known = [count for count in counts if count is not None]
    requests = sum(_requests_of_trial(sample) for sample in samples)
    return sum(known) / requests if requests and len(known) == len(counts) else None


def _requests_of_trial(sample: Sample) -> float:
    driven = sample.driven
    return driven.requests * (driven.window_end_s - driven.began_s) / driven.window_s


def all_served_s(samples: Sequence[Sample]) -> float | None:
    """Median over blocks of how long it took until each user had been answered once; None where not known of each."""
    known = [sample.driven.all_served_s for sample in samples]
    return None if None in known else middle(known)


def middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
