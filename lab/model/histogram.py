"""Store and merge latency histograms, and compute their percentiles (HdrHistogram: 1 us to 3,600 s, 3 digits).

Percentiles of many blocks come from merged histograms; averaging percentiles would be wrong (Tene, HdrHistogram).
"""

import base64
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from hdrh.codec import HdrHistogramEncoder
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

LONGEST_US = 3_600_000_000
DIGITS = 3
HALF_BUCKET_BITS = 10
"""Three digits take 2 x 1,024 linear steps in each power of two."""
CHUNK = 1_000_000
LARGEST_BYTES = 2**20
"""A histogram with a count in every bucket takes a fifth of it, before it is compressed."""
_HEAD_BYTES = 8
_KIND = (1, LONGEST_US, DIGITS)


EMPTY = HdrHistogram(1, LONGEST_US, DIGITS)


class Histogram:
    """Counts of times in microseconds; values outside the range are counted at its ends."""

    def __init__(self, counts: NDArray[np.int64] | None = None) -> None:
        self._counts = np.zeros(0, np.int64) if counts is None else counts
        """Of each slot, up to the last one that has any."""

    @classmethod
    def decode(cls, text: str) -> "Histogram":
        """Return the histogram that `encode` wrote.

        Raises:
            ValueError: it is no histogram, one of another range, or a few bytes that stand for many more than any histogram has.
        """
        unpacking = zlib.decompressobj()
        unpacking.decompress(base64.b64decode(text)[_HEAD_BYTES:], LARGEST_BYTES)
        if unpacking.unconsumed_tail:
            raise ValueError(f"unpacked it has more than {LARGEST_BYTES:,} bytes")
        payload = HdrHistogramEncoder.decode(text)
        kind = payload.payload
        if (kind.lowest_trackable_value, kind.highest_trackable_value, kind.significant_figures) != _KIND:
            raise ValueError(f"The histogram has another range than 1 to {LONGEST_US} us with {DIGITS} digits.")
        last = payload.init_counts(EMPTY.counts_len)["max_nonzero_index"]
        return cls(np.frombuffer(payload.get_counts(), np.int64)[: last + 1])

    @classmethod
    def merged(cls, texts: Iterable[str]) -> "Histogram":
        """Return the sum of several encoded histograms."""
        whole = cls()
        for text in texts:
            whole._add_counts(cls.decode(text)._counts)
        return whole

    def encode(self) -> str:
        """Return HdrHistogram's own compressed form in base64."""
        hdr = HdrHistogram(1, LONGEST_US, DIGITS)
        for slot in np.flatnonzero(self._counts):
            hdr.record_value(hdr.get_value_from_index(int(slot)), int(self._counts[slot]))
        return str(hdr.encode().decode())

    def add(self, seconds: NDArray[np.floating]) -> None:
        """Count many times at once."""
        for first in range(0, len(seconds), CHUNK):
            microseconds = np.clip(np.rint(seconds[first : first + CHUNK] * 1e6), 0, LONGEST_US).astype(np.int64)
            self._add_counts(np.bincount(_slots(microseconds)))

    def _add_counts(self, counts: NDArray[np.int64]) -> None:
        longer, shorter = (self._counts, counts) if len(self._counts) > len(counts) else (counts, self._counts)
        self._counts = longer + np.pad(shorter, (0, len(longer) - len(shorter)))

    @property
    def count(self) -> int:
        """Return the number of counted values."""
        return int(self._counts.sum())

    def mean_us(self) -> float | None:
        """Return the mean of all values in microseconds, each taken as the middle of its bucket; None if there is none.

        The library's own mean, like its percentiles, walks all 23,000 slots in Python, which takes 24 ms.
        """
        slots = np.flatnonzero(self._counts)
        if not len(slots):
            return None
        return float(np.average((_lowest(slots) + _highest(slots)) / 2, weights=self._counts[slots]))

    def count_until(self, most_us: float) -> int:
        """Return how many values are at most `most_us`, by the bucket that it is in."""
        return int(self._counts[: int(_slots(np.array([int(most_us)]))[0]) + 1].sum())

    def percentile_us(self, percent: float) -> float | None:
        """Return the value that `percent` of all values do not exceed, in microseconds; None if there is none."""
        return self.percentiles_us([percent])[0]

    def percentiles_us(self, percents: Sequence[float]) -> list[float | None]:
        """Return several of them at once.

        The rank and the value are those of HdrHistogram's `get_value_at_percentile`.
        """
        if self.count == 0:
            return [None] * len(percents)
        ranks = [max(int(percent * self.count / 100 + 0.5), 1) for percent in percents]
        slots = np.searchsorted(self._counts.cumsum(), ranks)
        found = zip(percents, _lowest(slots), _highest(slots), strict=True)
        return [float(highest if percent else lowest) for percent, lowest, highest in found]


def _slots(microseconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the index of each value's count, as HdrHistogram's `_counts_index_for` does."""
    bits = np.frexp(microseconds.astype(np.float64))[1]
    bucket = np.maximum(bits - (HALF_BUCKET_BITS + 1), 0)
    slots: NDArray[np.int64] = (bucket << HALF_BUCKET_BITS) + (microseconds >> bucket)
    return slots


def _lowest(slots: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the least value of each slot."""
    bucket = _bucket(slots)
    lowest: NDArray[np.int64] = (slots - (bucket << HALF_BUCKET_BITS)) << bucket
    return lowest


def _highest(slots: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the greatest value of each slot."""
    return _lowest(slots) + (1 << _bucket(slots)) - 1


def _bucket(slots: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the power of two that each slot's values are steps of."""
    bucket: NDArray[np.int64] = np.maximum((slots >> HALF_BUCKET_BITS) - 1, 0)
    return bucket
