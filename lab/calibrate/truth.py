"""Compute the true percentiles from the schedule and the log of a server whose delays are known. Pure."""

import math
import random
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lab.calibrate.result import Percentiles
from lab.model.noun import Noun

Mode = Literal["constant", "two-valued", "log-normal", "freezing", "burning"]
Times = NDArray[np.float64]

PERCENTS = (50.0, 90.0, 99.0, 99.9)
RELATIVE, ABSOLUTE_MS = 0.03, 0.3
"""Tolerance of a percentile: the larger of the two."""
FREEZE_S, FREEZE_EVERY_S = 1.0, 5.0
BURN_S = 0.005
"""CPU time that a request takes in the mode "burning", which delays none."""
CATCH_UP_S = 0.25
"""Longest time that the server needs after a freeze to answer the waiting requests; its log says when it did."""
SEED = 366
"""With this seed slightly more than a tenth of the draws are slow throughout. At exactly a tenth the p90 of the two-valued
delays would lie on the step, and one request at the edge of the window would decide between 2 and 50 ms."""


class Log(Noun):
    """The server's log, in the order in which requests came; seconds of CLOCK_MONOTONIC."""

    numbers: tuple[int, ...]
    """Numbers of the requests, as the client counts them."""
    received: tuple[float, ...]
    written: tuple[float, ...]
    freezes: tuple[tuple[float, float], ...] = ()
    burnt: tuple[tuple[float, float], ...] = ()
    """When a request had burnt its CPU time, and how much that was."""


def delays_s(mode: Mode) -> Iterator[float]:
    """Yield the seconds that the server delays each request, without end; the log has the real delays."""
    random_ = random.Random(SEED)
    while True:
        match mode:
            case "constant":
                yield 0.005
            case "two-valued":
                yield 0.050 if random_.random() < 0.1 else 0.002
            case "log-normal":
                yield random_.lognormvariate(math.log(0.005), 0.5)
            case "freezing":
                yield 0.020
            case "burning":
                yield 0.0


def closed_latencies(log: Log, start_s: float, end_s: float) -> Times:
    """Return for closed load the server's own delays of the requests that came in the window, in seconds."""
    received, written = np.array(log.received), np.array(log.written)
    inside = (start_s <= received) & (received < end_s)
    latencies: Times = (written - received)[inside]
    return latencies


def open_latencies(log: Log, moments: Sequence[float], start_s: float, end_s: float) -> Times:
    """Return for open load the seconds from the intended moment to the answer, of the requests due in the window.

    A generator that sends late is not excused: a request takes the server's own delay, as if it had come on time. A request
    that was due in a freeze, or while the server caught up, takes until the moment at which the log has it answered.

    Args:
        moments: when request number 1, 2, … was due (CLOCK_MONOTONIC).

    Raises:
        KeyError: a request of the window never reached the server.
    """
    row = {number: index for index, number in enumerate(log.numbers)}
    due = np.array(moments)
    chosen = np.flatnonzero((start_s <= due) & (due < end_s))
    rows = np.array([row[int(number) + 1] for number in chosen], dtype=int)
    due, received, written = due[chosen], np.array(log.received)[rows], np.array(log.written)[rows]
    latencies: Times = np.where(_away(due, log.freezes), written - due, written - received)
    return latencies


def _away(moments: Times, freezes: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """Return for each moment whether the server was frozen, or catching up after that."""
    away = np.zeros(len(moments), dtype=bool)
    for start_s, end_s in freezes:
        away |= (start_s <= moments) & (moments < end_s + CATCH_UP_S)
    return away


def percentiles_ms(latencies_s: Times) -> Percentiles:
    """Return each percentile in ms; p99.9 only from 10,000 requests on."""
    ordered, count = np.sort(latencies_s), len(latencies_s)
    known = [percent for percent in PERCENTS if count >= (10_000 if percent > 99 else 1)]
    ranks = {percent: max(1, int(percent / 100 * count + 0.5)) for percent in known}  # as HdrHistogram counts
    return {name(percent): float(ordered[rank - 1]) * 1e3 for percent, rank in ranks.items()}


def name(percent: float) -> str:
    """Return `p99.9` for 99.9."""
    return f"p{percent:g}"


def is_near(reported_ms: float, truth_ms: float) -> bool:
    """Return whether a percentile is within the tolerance of the truth."""
    return abs(reported_ms - truth_ms) <= max(RELATIVE * truth_ms, ABSOLUTE_MS)
