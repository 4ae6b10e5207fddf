"""Several drivers may share a load; what they counted is merged exactly, histogram by histogram."""

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest

from lab.model.histogram import Histogram
from lab.model.outcome import Driven


def merged(parts: Sequence[Driven]) -> Driven:
    """Merge what all drivers of one trial counted.

    Counts add up and histograms merge bucket by bucket, so percentiles are those of one driver with every request.
    The edges of the window are the first driver's: drivers on several machines share no clock.
    """
    first = parts[0]
    per_second = zip_longest(*(part.completed_per_second for part in parts), fillvalue=0)
    return first.model_copy(
        update={
            "requests": sum(part.requests for part in parts),
            "completed": sum(part.completed for part in parts),
            "errors": dict(sum((Counter(part.errors) for part in parts), Counter())),
            "dropped": sum(part.dropped for part in parts),
            "scheduled": None if first.scheduled is None else sum(part.scheduled or 0 for part in parts),
            "latency": _merged([part.latency for part in parts]),
            "service": _merged([part.service for part in parts]),
            "lag": _merged([part.lag for part in parts]),
            "secondary_timings": {
                name: _merged([part.secondary_timings.get(name) for part in parts]) for name in first.secondary_timings
            },
            "completed_per_second": tuple(map(sum, per_second)),
            "completed_halves": _halves(parts),
            "in_flight_s": sum(part.in_flight_s for part in parts),
            "thinking_s": sum(part.thinking_s for part in parts),
            "starved": sum(part.starved for part in parts),
            "connects": _summed([part.connects for part in parts]),
            "reconnects": _summed([part.reconnects for part in parts]),
            "by_port": {port: count for part in parts for port, count in part.by_port.items()},
            "checked": sum(part.checked for part in parts),
            "wrong_body": next((part.wrong_body for part in parts if part.wrong_body is not None), None),
            "drained_s": max(part.drained_s for part in parts),
        }
    )


def _halves(parts: Sequence[Driven]) -> tuple[int, int] | None:
    known = [part.completed_halves for part in parts if part.completed_halves is not None]
    return (sum(one[0] for one in known), sum(one[1] for one in known)) if len(known) == len(parts) else None


def _summed(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _merged(encoded: Sequence[str | None]) -> str | None:
    known = [text for text in encoded if text is not None]
    return Histogram.merged(known).encode() if known else None
