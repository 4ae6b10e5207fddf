"""Rows of comparisons.csv: every arm against the baseline, decided family by family."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy

from lab.analysis.comparison.chance import RUNS
from lab.analysis.comparison.paired import (
    ALPHA,
    SIMULATED_ALPHA,
    TOST_CONFIDENCE,
    Verdict,
    beyond,
    half_width,
    mde,
    signed_rank_ps,
    tost_half,
    verdict,
)
from lab.analysis.comparison.pairs import NONE, Differences, Observation, Pair, pairs
from lab.model.loads import Load
from lab.model.stack import AA

MARGIN: Mapping[str, float] = {"rps": 0.05, "cpu_us_per_request": 0.05, "p99_ms": 0.10}
"""Relative difference up to which two stacks count as equal, fixed beforehand; a symmetric ratio (1.05 and 1/1.05)."""


@dataclass(frozen=True)
class Comparison:
    """One row of comparisons.csv: `ratio` is stack over baseline, `lo` and `hi` the interval that decided.

    That is the 90 % interval of this pair where the verdict is equivalent, else the 95 % interval of its family;
    `confidence` says which. `adjusted_half` is half of the family's interval of the log ratio, whatever the verdict.
    `p_adjusted` is adjusted for the family too.
    `mde` is the minimum detectable difference of this pair (0.08: 8 %), with 80 % power.
    `factors` are those in which the two differ. What needs two blocks is None with one.
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
    factors: tuple[str, ...]
    blocks: int
    confidence: float
    p_adjusted: float | None
    p_signed_rank: float | None
    adjusted_half: float | None

    @property
    def is_aa(self) -> bool:
        """Return whether this is the baseline against itself: what the row shows is noise then."""
        return self.stack.endswith(AA)

    @property
    def is_contrast(self) -> bool:
        """Return whether the two differ in one factor."""
        return len(self.factors) == 1

    @property
    def inverse(self) -> "Comparison":
        """Return the same comparison as baseline over stack."""
        lo, hi = (None if bound is None else 1 / bound for bound in (self.hi, self.lo))
        return replace(self, stack=self.baseline, baseline=self.stack, ratio=1 / self.ratio, lo=lo, hi=hi)


def compare(observations: Iterable[Observation], baseline: str, differences: Differences = NONE) -> list[Comparison]:
    """Compare every arm with the baseline and the two arms of each contrast, per scenario, load and metric."""
    found = pairs(observations, baseline, differences)
    with ThreadPoolExecutor() as pool:  # numpy computes without Python's lock
        list(
            pool.map(
                lambda group: group.chance, {id(pair.group): pair.group for pair in found if pair.has_error}.values()
            )
        )
    ps = signed_rank_ps([pair.log_ratios for pair in found])
    of_pair = {id(pair): p for pair, p in zip(found, ps, strict=True)}
    return [row for family in families(found) for row in _family(family, of_pair)]


def families(pairs: Iterable[Pair]) -> list[list[Pair]]:
    """Return the pairs by what is decided together: one metric of one scenario under loads that ask one question, all amounts.

    Contrasts are one family, the other stacks beside the baseline another: they answer different questions.
    Throughput decides in closed load and hardly differs in open load, where p99 decides: kept in one family they would
    cost each other power. One rate for all and a share of each stack's own capacity are two questions, and each modifier of a
    load asks another one. An A/A pair is a family of its own.
    """
    found: dict[tuple[str, str, str, bool, bool], list[Pair]] = defaultdict(list)
    for pair in pairs:
        question = Load.model_validate(pair.load).question
        found[pair.scenario, question, pair.metric, pair.is_contrast, pair.is_aa].append(pair)
    return list(found.values())


def _family(family: Sequence[Pair], signed_rank: Mapping[int, float | None]) -> list[Comparison]:
    decided = {id(step.pair): step for step in steps(family)}
    return [_comparison(pair, decided.get(id(pair)), signed_rank[id(pair)]) for pair in family]


@dataclass(frozen=True)
class Step:
    """How one pair is decided: how many standard errors its mean needs, and the adjusted p."""

    pair: Pair
    critical: float
    p: float


def steps(family: Iterable[Pair]) -> list[Step]:
    """Return the pairs that have a standard error, decided in the order of their evidence.

    Each is compared with the largest stray of itself and those with less evidence; the first that is not different
    settles the critical value of all that follow (step-down maxT: Westfall & Young 1993, Romano & Wolf 2005).
    """
    ordered = sorted((pair for pair in family if pair.has_error), key=_evidence, reverse=True)
    worst = [pair.strays for pair in ordered]
    for weaker in range(len(worst) - 2, -1, -1):
        worst[weaker] = numpy.maximum(worst[weaker], worst[weaker + 1])
    found: list[Step] = []
    reached, needed = 0.0, 0.0
    for pair, strays in zip(ordered, worst, strict=True):
        if reached <= ALPHA:
            needed = beyond(strays, SIMULATED_ALPHA)
        share = (1 + int((strays >= _evidence(pair)).sum())) / (RUNS + 1)
        reached = max(reached, min(1.0, share * ALPHA / SIMULATED_ALPHA))
        found.append(Step(pair, needed, reached))
    return found


def _evidence(pair: Pair) -> float:
    """Return how many standard errors the mean is from 0."""
    if pair.error:
        return abs(pair.mean) / pair.error
    return math.inf if pair.mean else 0.0


def _comparison(pair: Pair, step: Step | None, p_signed_rank: float | None) -> Comparison:
    margin = MARGIN[pair.metric]
    said: Verdict = verdict(pair, step.critical, margin) if step else "inconclusive"
    adjusted = half_width(pair, step.critical) if step else None
    half = tost_half(pair) if said == "equivalent" else adjusted
    return Comparison(
        scenario=pair.scenario,
        load=pair.load,
        stack=pair.stack,
        baseline=pair.baseline,
        metric=pair.metric,
        ratio=math.exp(pair.mean),
        lo=None if half is None else math.exp(pair.mean - half),
        hi=None if half is None else math.exp(pair.mean + half),
        verdict=said,
        mde=mde(pair, step.critical, margin) if step else None,
        factors=pair.factors,
        blocks=len(pair.log_ratios),
        confidence=TOST_CONFIDENCE if said == "equivalent" else 1 - ALPHA,
        p_adjusted=step.p if step else None,
        p_signed_rank=p_signed_rank,
        adjusted_half=adjusted,
    )
