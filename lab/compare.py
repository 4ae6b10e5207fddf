"""Each stack against the baseline by the ratio inside each block, and what may be said about it.

Randomised complete blocks: mean of the log ratios, Student's interval. Fewer than MIN_BLOCKS blocks make no claim.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy
from scipy import stats as distributions  # type: ignore[import-untyped]
from scipy.optimize import brentq  # type: ignore[import-untyped]

from lab.nouns import AA

Metric = Literal["rps", "cpu_us_per_request", "p99_ms"]
Verdict = Literal["different", "equivalent", "inconclusive"]

ALPHA = 0.05
POWER = 0.8
MIN_BLOCKS = 6
MARGIN: Mapping[str, float] = {"rps": 0.05, "cpu_us_per_request": 0.05, "p99_ms": 0.10}
"""Relative difference up to which two stacks count as equal, fixed beforehand; a symmetric ratio (1.05 and 1/1.05)."""


@dataclass(frozen=True)
class Observation:
    """What one arm measured in one block (a positive number)."""

    arm: str
    scenario: str
    load: str
    block: int
    metric: str
    value: float


@dataclass(frozen=True)
class Pair:
    """Two arms under one load, with the log of their ratio in each block that both have."""

    scenario: str
    load: str
    stack: str
    baseline: str
    metric: str
    log_ratios: tuple[float, ...]


@dataclass(frozen=True)
class Comparison:
    """One row of comparisons.csv: `ratio` is stack over baseline, `lo` and `hi` its Holm-adjusted interval.

    `mde` is the smallest relative difference (0.08: 8 %) that this pair would have shown with 80 % power.
    What needs two blocks is None with one.
    """

    scenario: str
    load: str
    stack: str
    baseline: str
    metric: str
    ratio: float
    lo: float | None
    hi: float | None
    verdict: Verdict
    mde: float | None
    blocks: int
    confidence: float
    p_holm: float | None
    p_signed_rank: float | None

    @property
    def is_aa(self) -> bool:
        """The reference stack against itself: what this row shows is noise."""
        return self.stack.endswith(AA)


def compare(observations: Iterable[Observation], baseline: str) -> list[Comparison]:
    """Every arm against the baseline, per scenario, load and metric.

    A family for Holm is one metric of one scenario: all stacks and loads; an A/A row is a family of its own.
    """
    families: dict[tuple[str, str, bool], list[Pair]] = defaultdict(list)
    for pair in pairs(observations, baseline):
        families[pair.scenario, pair.metric, pair.stack.endswith(AA)].append(pair)
    return [row for family in families.values() for row in _family(family)]


def pairs(observations: Iterable[Observation], baseline: str) -> list[Pair]:
    """Arms and the baseline joined inside their blocks; an arm that shares no block with the baseline gives no pair."""
    logs: dict[tuple[str, str, str], dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for seen in observations:
        logs[seen.scenario, seen.load, seen.metric][seen.arm][seen.block] = math.log(seen.value)
    return [
        Pair(scenario, load, arm, baseline, metric, ratios)
        for (scenario, load, metric), arms in logs.items()
        for arm in arms
        if arm != baseline and (ratios := _inside_blocks(arms[arm], arms.get(baseline, {})))
    ]


def _inside_blocks(arm: Mapping[int, float], base: Mapping[int, float]) -> tuple[float, ...]:
    return tuple(arm[block] - base[block] for block in sorted(arm.keys() & base.keys()))


def _family(family: Sequence[Pair]) -> list[Comparison]:
    p_values = [_p_value(pair.log_ratios) for pair in family]
    levels, adjusted = holm([1.0 if p is None else p for p in p_values])
    return [
        _comparison(pair, level, None if p is None else holm_p)
        for pair, p, level, holm_p in zip(family, p_values, levels, adjusted, strict=True)
    ]


def holm(p_values: Sequence[float]) -> tuple[list[float], list[float]]:
    """Level at which each hypothesis is decided, and the adjusted p values.

    Holm (1979) decides the i-th smallest of m at alpha / (m - i + 1) and stops at the first that is not rejected;
    all that follow are held to that one's level. Intervals at these levels exclude 1 exactly where Holm rejects
    (Serlin 1993, "Confidence intervals and the scientific method: a case for Holm on the range"; Ludbrook 2000).
    Written out, because statsmodels' multipletests collects garbage at each call, which takes ten times the rest.
    """
    m = len(p_values)
    levels, adjusted = [0.0] * m, [0.0] * m
    reached, held = 0.0, m
    for rank, index in enumerate(sorted(range(m), key=p_values.__getitem__)):
        if reached <= ALPHA:
            held = m - rank
        reached = max(reached, min(1.0, (m - rank) * p_values[index]))
        levels[index], adjusted[index] = ALPHA / held, reached
    return levels, adjusted


def _comparison(pair: Pair, level: float, p_holm: float | None) -> Comparison:
    logs = pair.log_ratios
    mean = math.fsum(logs) / len(logs)
    half = half_width(logs, 1 - level)
    return Comparison(
        scenario=pair.scenario,
        load=pair.load,
        stack=pair.stack,
        baseline=pair.baseline,
        metric=pair.metric,
        ratio=math.exp(mean),
        lo=None if half is None else math.exp(mean - half),
        hi=None if half is None else math.exp(mean + half),
        verdict=verdict(logs, level, MARGIN[pair.metric]),
        mde=mde(logs, level),
        blocks=len(logs),
        confidence=1 - level,
        p_holm=p_holm,
        p_signed_rank=signed_rank_p(logs),
    )


def verdict(logs: Sequence[float], level: float, margin: float) -> Verdict:
    """Different: interval outside 1, effect outside the margin. Equivalent: 90 % interval inside the margin (TOST)."""
    decides, tost = half_width(logs, 1 - level), half_width(logs, 1 - 2 * ALPHA)
    if len(logs) < MIN_BLOCKS or decides is None or tost is None:
        return "inconclusive"
    effect, limit = abs(math.fsum(logs) / len(logs)), math.log1p(margin)
    if effect > decides and effect > limit:
        return "different"
    return "equivalent" if effect + tost < limit else "inconclusive"


def half_width(logs: Sequence[float], confidence: float) -> float | None:
    """Half of Student's interval of the mean; None with fewer than two blocks."""
    if len(logs) < 2:
        return None
    return float(distributions.t.ppf((1 + confidence) / 2, len(logs) - 1)) * _standard_error(logs)


def _standard_error(logs: Sequence[float]) -> float:
    return float(numpy.std(logs, ddof=1)) / math.sqrt(len(logs))


def _p_value(logs: Sequence[float]) -> float | None:
    """Two-sided p of Student's test that the mean log ratio is 0."""
    if len(logs) < 2:
        return None
    error, mean = _standard_error(logs), math.fsum(logs) / len(logs)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * distributions.t.sf(abs(mean / error), len(logs) - 1))


def signed_rank_p(logs: Sequence[float]) -> float | None:
    """Exact two-sided p of Wilcoxon's signed-rank test; with n blocks it is never below 2 / 2^n."""
    changed = [log for log in logs if log]
    return float(distributions.wilcoxon(changed, method="exact").pvalue) if changed else None


def mde(logs: Sequence[float], level: float) -> float | None:
    """Smallest relative difference that a t-test at `level` finds with 80 % power, at this pair's own spread.

    None with too few blocks for any claim; else a ratio above 1, minus 1.
    """
    if len(logs) < MIN_BLOCKS:
        return None
    return math.expm1(effect_size(len(logs), level) * float(numpy.std(logs, ddof=1)))


@cache
def effect_size(n: int, level: float) -> float:
    """Standardised mean of n paired differences that Student's test detects with 80 % power.

    Exact, from the noncentral t distribution (Cohen 1988, "Statistical power analysis", 2.2).
    """
    critical = float(distributions.t.ppf(1 - level / 2, n - 1))

    def lacking(effect: float) -> float:
        beyond = distributions.nct.sf(critical, n - 1, effect * math.sqrt(n))
        return float(beyond) - POWER

    return float(brentq(lacking, 0, 2 * critical))
