"""Statistics of one pair: Student's interval of the mean log ratio, the verdict, the minimum detectable difference."""

import math
from collections.abc import Sequence
from functools import cache
from typing import Literal

import numpy
from numpy.typing import NDArray
from scipy import stats as distributions  # type: ignore[import-untyped]
from scipy.optimize import brentq  # type: ignore[import-untyped]
from scipy.special import ndtr  # type: ignore[import-untyped]

from lab.analysis.student import half_width, standard_error

Verdict = Literal["different", "equivalent", "inconclusive"]

ALPHA = 0.05
TOST_CONFIDENCE = 1 - 2 * ALPHA
"""Level of the interval that decides on equivalence: two one-sided tests at ALPHA each (Schuirmann 1987).

It is not adjusted for the other pairs of a family. "Equivalent" is false only where the true effect is beyond the margin,
and each such statement stands for its own pair; nobody concludes from one of them that all arms are equal. The price is
an error of 5 % per statement and not per family.
"""
POWER = 0.8
DEVIATIONS = 400
"""Steps of the integral over the standard deviation; a power is then right to a tenth of a per cent."""
MIN_BLOCKS = 6
"""Fewer blocks make no claim."""


def verdict(logs: Sequence[float], level: float, margin: float) -> Verdict:
    """Return the verdict.

    Different: interval outside 1, effect outside the margin. Equivalent: 90 % interval inside the margin (TOST).
    """
    decides, tost = half_width(logs, 1 - level), half_width(logs, TOST_CONFIDENCE)
    if len(logs) < MIN_BLOCKS or decides is None or tost is None:
        return "inconclusive"
    effect, limit = abs(math.fsum(logs) / len(logs)), math.log1p(margin)
    if effect > decides and effect > limit:
        return "different"
    return "equivalent" if effect + tost < limit else "inconclusive"


def is_wide(logs: Sequence[float], family: int, precision: float) -> bool:
    """Return whether the interval of a ratio, one of `family`, reaches further than `precision` (0.05: 5 %) from it.

    At the level of the first step of Holm: that of a later step depends on the p values, and its interval is narrower.
    """
    half = half_width(logs, 1 - ALPHA / family)
    return half is None or half > math.log1p(precision)


def p_value(logs: Sequence[float]) -> float | None:
    """Return the two-sided p of Student's test that the mean log ratio is 0."""
    if len(logs) < 2:
        return None
    error, mean = standard_error(logs), math.fsum(logs) / len(logs)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * distributions.t.sf(abs(mean / error), len(logs) - 1))


def signed_rank_p(logs: Sequence[float]) -> float | None:
    """Return the exact two-sided p of Wilcoxon's signed-rank test; with n blocks it is never below 2 / 2^n."""
    changed = [log for log in logs if log]
    return float(distributions.wilcoxon(changed, method="exact").pvalue) if changed else None


def mde(logs: Sequence[float], level: float, margin: float) -> float | None:
    """Return the smallest relative difference that `verdict` calls different with 80 % power, at this pair's own spread.

    Never less than the margin. None with too few blocks for any claim; else a ratio above 1, minus 1.
    """
    if len(logs) < MIN_BLOCKS:
        return None
    limit, spread = math.log1p(margin), float(numpy.std(logs, ddof=1))
    if spread == 0:
        return margin
    return math.expm1(spread * detectable(len(logs), level, limit / spread))


def detectable(n: int, level: float, limit: float) -> float:
    """Return the standardised mean of n paired differences that is found beyond `limit` and by Student's test with 80 % power.

    The power of the t-test (Cohen 1988, "Statistical power analysis", 2.2), written as the mean over the distribution
    of the sample's standard deviation, so that the mean can be compared with the fixed limit as well.
    """
    needed = numpy.maximum(_t_needs(n, level), limit)

    def lacking(effect: float) -> float:
        return float(numpy.mean(ndtr((effect - needed) * math.sqrt(n)))) - POWER

    return float(brentq(lacking, 0, float(needed[-1]) + 5, xtol=1e-6))


@cache
def _t_needs(n: int, level: float) -> NDArray[numpy.float64]:
    """Return the mean that Student's test needs, for each of many equally probable standard deviations of n values around 1."""
    shares = (numpy.arange(DEVIATIONS) + 0.5) / DEVIATIONS
    deviations = numpy.sqrt(distributions.chi2.ppf(shares, n - 1) / (n - 1))
    needed: NDArray[numpy.float64] = distributions.t.ppf(1 - level / 2, n - 1) * deviations / math.sqrt(n)
    return needed
