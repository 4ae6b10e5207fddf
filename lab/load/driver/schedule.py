"""When the requests of an open load are due: drawn before the load begins, and by nothing but the seed."""

import numpy as np
from numpy.typing import NDArray

from lab.model.loads import Arrivals

BURST = (0.2, 1.2, 0.2)
"""Rates of a burst, each for a third of the window, as shares of the capacity; the warm-up has the first."""


def schedule(rate: float, length_s: float, seed: int, arrivals: Arrivals = "poisson") -> NDArray[np.float64]:
    """Return seconds from the start, ascending, all before `length_s`, at `rate` per second on average.

    The same seed gives the same gaps at every rate, in units of the mean gap.
    """
    if arrivals == "constant":
        return np.arange(np.ceil(rate * length_s - 1e-9)) / rate
    expected = rate * length_s
    draws = int(expected + 10 * np.sqrt(expected) + 100)  # ten standard deviations: never too few
    due: NDArray[np.float64] = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, draws))
    return due[due < length_s]


def burst_schedule(
    capacity_rps: float, warmup_s: float, window_s: float, seed: int, arrivals: Arrivals = "poisson"
) -> NDArray[np.float64]:
    """Return seconds from the start of a warm-up, ascending, at the rates of BURST.

    It is a schedule at one request per second whose time is stretched, so that the rate is what each part has.
    """
    lengths_s = np.array([warmup_s + window_s / 3, window_s / 3, window_s / 3])
    ends_s, requests = (np.cumsum([0, *of]) for of in (lengths_s, lengths_s * BURST * capacity_rps))
    due: NDArray[np.float64] = np.interp(schedule(1.0, requests[-1], seed, arrivals), requests, ends_s)
    return due
