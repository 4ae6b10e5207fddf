"""Rows of comparisons.csv: every arm against the baseline, decided family by family."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab.analysis.comparison.paired import ALPHA, TOST_CONFIDENCE, Verdict, mde, p_value, signed_rank_p, verdict
from lab.analysis.comparison.pairs import Observation, Pair, pairs
from lab.analysis.student import half_width
from lab.model.stack import AA
from lab.model.workload import Load

MARGIN: Mapping[str, float] = {"rps": 0.05, "cpu_us_per_request": 0.05, "p99_ms": 0.10}
"""Relative difference up to which two stacks count as equal, fixed beforehand; a symmetric ratio (1.05 and 1/1.05)."""


@dataclass(frozen=True)
class Comparison:
    """One row of comparisons.csv: `ratio` is stack over baseline, `lo` and `hi` the interval that decided.

    That is the 90 % interval where the verdict is equivalent, else the Holm-adjusted one; `confidence` is its level.
    `adjusted_half` is half of the Holm-adjusted interval of the log ratio, whatever the verdict.
    `mde` is the minimum detectable difference of this pair (0.08: 8 %), with 80 % power.
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
    adjusted_half: float | None

    @property
    def is_aa(self) -> bool:
        """Return whether this is the baseline against itself: what the row shows is noise then."""
        return self.stack.endswith(AA)


def compare(observations: Iterable[Observation], baseline: str) -> list[Comparison]:
    """Compare every arm with the baseline, per scenario, load and metric.

    A family for Holm is one metric of one scenario under one family of loads: all stacks and amounts. Throughput decides in
    closed load and hardly differs in open load, where p99 decides: kept in one family they would cost each other power.
    One rate for all and a share of each stack's own capacity are two questions. An A/A row is a family of its own.
    """
    families: dict[tuple[str, str, str, bool], list[Pair]] = defaultdict(list)
    for pair in pairs(observations, baseline):
        families[pair.scenario, Load.model_validate(pair.load).family, pair.metric, pair.is_aa].append(pair)
    return [row for family in families.values() for row in _family(family)]


def _family(family: Sequence[Pair]) -> list[Comparison]:
    p_values = [p_value(pair.log_ratios) for pair in family]
    levels, adjusted = holm([1.0 if p is None else p for p in p_values])
    return [
        _comparison(pair, level, None if p is None else holm_p)
        for pair, p, level, holm_p in zip(family, p_values, levels, adjusted, strict=True)
    ]


def holm(p_values: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return the level at which each hypothesis is decided, and the adjusted p values.

    Holm (1979) decides the i-th smallest of m at alpha / (m - i + 1) and stops at the first that is not rejected;
    all that follow are decided at that one's level. Intervals at these levels exclude 1 exactly where Holm rejects
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
    said = verdict(logs, level, MARGIN[pair.metric])
    confidence = TOST_CONFIDENCE if said == "equivalent" else 1 - level
    half = half_width(logs, confidence)
    return Comparison(
        scenario=pair.scenario,
        load=pair.load,
        stack=pair.stack,
        baseline=pair.baseline,
        metric=pair.metric,
        ratio=math.exp(mean),
        lo=None if half is None else math.exp(mean - half),
        hi=None if half is None else math.exp(mean + half),
        verdict=said,
        mde=mde(logs, level, MARGIN[pair.metric]),
        blocks=len(logs),
        confidence=confidence,
        p_holm=p_holm,
        p_signed_rank=signed_rank_p(logs),
        adjusted_half=half_width(logs, 1 - level),
    )
