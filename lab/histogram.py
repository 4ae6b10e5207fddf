"""Latencies as mergeable histograms (HdrHistogram): whole microseconds, three significant digits, 1 us to 1 h, as base64 text."""

from collections.abc import Iterable

from hdrh.histogram import HdrHistogram

LOWEST_US = 1
HIGHEST_US = 3_600_000_000
DIGITS = 3


def empty() -> HdrHistogram:
    return HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)


def encode(seconds: Iterable[float]) -> str:
    """Durations in seconds -> text; what lies outside 1 us to 1 h is recorded as the nearer end."""
    histogram = empty()
    for value in seconds:
        histogram.record_value(min(max(round(value * 1e6), LOWEST_US), HIGHEST_US))
    return histogram.encode().decode("ascii")


def decode(text: str) -> HdrHistogram:
    return HdrHistogram.decode(text)


def merge(texts: Iterable[str]) -> HdrHistogram:
    """All durations of several histograms in one."""
    merged = empty()
    for text in texts:
        merged.add(decode(text))
    return merged


def percentile(histogram: HdrHistogram, percent: float) -> float | None:
    """The duration in seconds that `percent` of all do not exceed; None of an empty histogram."""
    if not histogram.get_total_count():
        return None
    return float(histogram.get_value_at_percentile(percent)) / 1e6
