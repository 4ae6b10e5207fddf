"""Histograms hold what was put in, to three digits."""

import base64
import math
import zlib

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.model.histogram import EMPTY, Histogram

MICROSECONDS = st.lists(st.integers(0, 3_600_000_000), min_size=1, max_size=50)


def of_us(*microseconds: float) -> Histogram:
    histogram = Histogram()
    histogram.add(np.array(microseconds) / 1e6)
    return histogram


@given(MICROSECONDS)
def test_many_values_at_once_are_counted_like_one_by_one(values: list[int]) -> None:
    theirs = HdrHistogram(1, 3_600_000_000, 3)
    for value in values:
        theirs.record_value(value)
    assert of_us(*values).encode() == theirs.encode().decode()


@given(MICROSECONDS, st.sampled_from([0.1, 50, 90, 99, 100]))
def test_a_percentile_is_a_value_that_was_counted_to_three_digits(values: list[int], percent: float) -> None:
    rank = max(math.floor(percent / 100 * len(values) + 0.5), 1)
    exact = sorted(values)[rank - 1]
    assert of_us(*values).percentile_us(percent) == pytest.approx(exact, rel=1e-3, abs=1)


@settings(max_examples=30)
@given(MICROSECONDS, st.floats(0, 100))
def test_percentiles_and_mean_are_the_librarys(values: list[int], percent: float) -> None:
    found, theirs = of_us(*values), HdrHistogram.decode(of_us(*values).encode())
    assert found.percentile_us(percent) == theirs.get_value_at_percentile(percent)
    assert found.mean_us() == pytest.approx(theirs.get_mean_value(), rel=1e-3, abs=1)


@settings(max_examples=30)
@given(MICROSECONDS)
def test_decoding_gives_back_what_was_encoded(values: list[int]) -> None:
    there = of_us(*values)
    back = Histogram.decode(there.encode())
    assert back.count == there.count == len(values)
    for percent in (0, 50, 99, 100):
        assert back.percentile_us(percent) == there.percentile_us(percent)


@settings(max_examples=30)
@given(MICROSECONDS, MICROSECONDS)
def test_merging_is_counting_everything_in_one(some: list[int], others: list[int]) -> None:
    merged = Histogram.merged([of_us(*some).encode(), of_us(*others).encode()])
    assert merged.count == len(some) + len(others)
    for percent in (1, 50, 99, 100):
        assert merged.percentile_us(percent) == of_us(*some, *others).percentile_us(percent)


def test_a_histogram_of_another_range_is_refused() -> None:
    other = HdrHistogram(1, 1_000_000, 2)
    other.record_value(5)
    with pytest.raises(ValueError, match="another range"):
        Histogram.decode(other.encode().decode())


def test_values_beyond_the_range_count_at_its_ends() -> None:
    assert of_us(7.2e9).percentile_us(50) == pytest.approx(3.6e9, rel=1e-3)
    assert of_us(-3).percentile_us(50) == 0


def test_nothing_counted_has_no_percentile() -> None:
    empty = Histogram.decode(Histogram().encode())
    assert empty.count == 0
    assert empty.percentile_us(99) is None
    assert Histogram.merged([]).percentile_us(50) is None


def test_more_values_than_one_chunk_are_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.model.histogram.CHUNK", 7)
    assert of_us(*range(100)).count == 100


def test_a_histogram_that_unpacks_to_more_than_any_has_is_refused_before_it_is_unpacked() -> None:
    """Whoever sent it: a few kilobytes of a file would else take all memory."""
    full = Histogram(np.arange(EMPTY.counts_len) % 1_000 + 2**40)
    assert Histogram.decode(full.encode()).count == full.count
    head = base64.b64decode(Histogram().encode())[:8]
    bomb = base64.b64encode(head + zlib.compress(bytes(100 * 2**20))).decode()
    with pytest.raises(ValueError, match="more than 1,048,576 bytes"):
        Histogram.decode(bomb)
