"""Figures of one block, each written once: what comparisons, mixtures and answers form ratios of."""

from collections.abc import Callable, Mapping

from lab.analysis import stats
from lab.analysis.validity.objections import unexpected_errors
from lab.analysis.validity.use import cpu_share
from lab.model.outcome import Sample

Measure = Callable[[Sample], float | None]


def _percentile_ms(wanted: stats.Percentile) -> Measure:
    """Return a measure of one block's own percentile in ms; None with too few requests."""

    def measure(sample: Sample) -> float | None:
        known = stats.latencies(sample.driven.latency)
        return known.percentiles_ms[wanted.percent] if known.count >= wanted.in_block else None

    return measure


def _long_share(latencies: stats.Latencies) -> float | None:
    """Return the share of the answers that took longer than `stats.LONG_MS`."""
    return stats.per(latencies.long, latencies.count)


def _threads(sample: Sample) -> float | None:
    return sample.usage["server"].threads if "server" in sample.usage else None


MEASURES: Mapping[str, Measure] = {
    "rps": stats.rps,
    "cpu_us_per_request": stats.cpu_us_per_request,
    "mean_ms": lambda sample: stats.latencies(sample.driven.latency).mean_ms,
    "p50_ms": _percentile_ms(stats.P50),
    "p90_ms": _percentile_ms(stats.P90),
    "p95_ms": _percentile_ms(stats.P95),
    "p99_ms": _percentile_ms(stats.P99),
    "long_share": lambda sample: _long_share(stats.latencies(sample.driven.latency)),
    "memory_mb": lambda sample: stats.memory_mb([sample]),
    "threads": _threads,
    "server_busy": lambda sample: cpu_share(sample, "server"),
    "error_share": lambda sample: stats.per(
        unexpected_errors(sample, ()) + sample.driven.dropped, sample.driven.requests
    ),
}
"""Metric -> what one block measured; None where it was not."""
