"""Statistics of pairs: critical values from simulated runs, the verdict, the minimum detectable difference."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy

from lab.analysis.comparison.chance import RUNS, Floats
from lab.analysis.comparison.pairs import Pair

Verdict = Literal["different", "equivalent", "inconclusive"]

ALPHA = 0.05
TOST_CONFIDENCE = 1 - 2 * ALPHA
"""Level of the interval that decides on equivalence: two one-sided tests at ALPHA each (Schuirmann 1987).

It is not adjusted for the other pairs of a family. "Equivalent" is false only where the true effect is beyond the margin,
and each such statement stands for its own pair; nobody concludes from one of them that all arms are equal. The price is
an error of 5 % per statement and not per family.
"""
SIMULATED_ALPHA = 0.0425
"""Level in the simulated runs at which a family is decided. The noise of arms is known from few blocks only, so that up to
a sixth more of real runs lie beyond a critical value: docs/resolution.md.
"""
POWER = 0.8
MIN_BLOCKS = 6
"""Fewer blocks make no claim."""


def critical(family: Sequence[Pair], alpha: float = SIMULATED_ALPHA) -> float:
    """Return the number of standard errors beyond which a mean of the family is in a share `alpha` of runs of equal arms."""
    return beyond(numpy.max([pair.strays for pair in family], axis=0), alpha)


def beyond(strays: Floats, alpha: float) -> float:
    """Return the value that the share `alpha` of the simulated runs reaches, counting the run itself as one more."""
    rank = round(alpha * (RUNS + 1))
    return float(numpy.partition(strays, -rank)[-rank])


def half_width(pair: Pair, critical: float) -> float | None:
    """Return half of the interval of the mean log ratio; None with too few blocks for one."""
    return critical * pair.error if pair.has_error else None


def tost_half(pair: Pair) -> float | None:
    """Return half of the interval that decides on equivalence, which is the pair's alone."""
    return half_width(pair, critical([pair], 2 * SIMULATED_ALPHA)) if pair.has_error else None


def verdict(pair: Pair, critical: float, margin: float) -> Verdict:
    """Return the verdict.

    Different: interval outside 1, effect outside the margin. Equivalent: 90 % interval inside the margin (TOST).
    """
    decides, tost = half_width(pair, critical), tost_half(pair)
    if len(pair.log_ratios) < MIN_BLOCKS or decides is None or tost is None:
        return "inconclusive"
    effect, limit = abs(pair.mean), math.log1p(margin)
    if effect > decides and effect > limit:
        return "different"
    return "equivalent" if effect + tost < limit else "inconclusive"


def is_wide(pair: Pair, family: Sequence[Pair], precision: float) -> bool:
    """Return whether the interval of a ratio, one of `family`, reaches further than `precision` (0.05: 5 %) from it.

    At the critical value of the first step: that of a later step depends on the ratios, and its interval is narrower.
    """
    known = [one for one in family if one.has_error]
    half = half_width(pair, critical(known)) if known else None
    return half is None or half > math.log1p(precision)


def signed_rank_ps(pairs: Sequence[Sequence[float]]) -> list[float | None]:
    """Return for each pair's log ratios the exact two-sided p of Wilcoxon's signed-rank test; None where nothing changed.

    With n blocks it is never below 2 / 2^n. Pairs of as many blocks are tested together, which takes a hundredth of the time.
    """
    from scipy.stats import wilcoxon  # type: ignore[import-untyped]  # late: it takes a second to import

    changed = [[log for log in logs if log] for logs in pairs]
    found: list[float | None] = [None] * len(changed)
    for blocks in {len(logs) for logs in changed} - {0}:
        places = [place for place, logs in enumerate(changed) if len(logs) == blocks]
        tested = wilcoxon(numpy.array([changed[place] for place in places]), method="exact", axis=1)
        for place, p in zip(places, tested.pvalue, strict=True):
            found[place] = float(p)
    return found


def mde(pair: Pair, critical: float, margin: float) -> float | None:
    """Return the smallest relative difference that `verdict` calls different with 80 % power, at the spread of the pair's own arms.

    A difference is found in a simulated run where it exceeds what that run needs by more than chance takes away.
    Never less than the margin. None with too few blocks for any claim; else a ratio above 1, minus 1.
    """
    if len(pair.log_ratios) < MIN_BLOCKS:
        return None
    if not pair.error:
        return margin
    means, errors = pair.equal
    needed = numpy.maximum(critical * errors, math.log1p(margin))
    return max(margin, math.expm1(float(numpy.quantile(needed - means, POWER))))
