"""Student's interval of a mean over blocks."""

import math
from collections.abc import Sequence

from scipy.special import stdtrit  # type: ignore[import-untyped]


def half_width(values: Sequence[float], confidence: float) -> float | None:
    """Return half of Student's interval of the mean; None with fewer than two values."""
    if len(values) < 2:
        return None
    return float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * standard_error(values)


def standard_error(values: Sequence[float]) -> float:
    """Return the standard error of the mean of at least two values."""
    mean = math.fsum(values) / len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return math.sqrt(variance / len(values))
