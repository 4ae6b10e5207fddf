"""When the requests of an open load are due: drawn before the load begins, and by nothing but the seed."""

import numpy as np
from numpy.typing import NDArray

from lab.model.loads import Arrivals


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
