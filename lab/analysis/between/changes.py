"""What changed from one run to another, quantity by quantity."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from scipy.special import stdtrit  # type: ignore[import-untyped]

from lab.analysis.between.spread import Between, Kind, Spreads
from lab.analysis.comparison.paired import TOST_CONFIDENCE, Verdict
from lab.analysis.comparison.pairs import Differences, Observation, pairs
from lab.analysis.comparison.rows import MARGIN
from lab.model.loads import Load
from lab.model.stack import AA

CONFIDENCE = 0.99
"""Of an interval: two runs have dozens of cells, and one of a hundred that did not change may come out different."""


@dataclass(frozen=True)
class Quantity:
    """What is compared between runs: a stack's own figure or, with a reference, its ratio to another stack."""

    scenario: str
    load: str
    stack: str
    reference: str
    metric: str

    @property
    def kind(self) -> Kind:
        return "ratio" if self.reference else "cell"

    @property
    def names(self) -> str:
        """Return `a` or `a over b`."""
        return f"{self.stack} over {self.reference}" if self.reference else self.stack


Logs = Mapping[Quantity, Sequence[float]]
"""The logs of a run's quantities, one for each block."""


@dataclass(frozen=True)
class Change:
    """A quantity in two runs: `ratio` is the second over the first, with the interval that decided."""

    quantity: Quantity
    first: float
    second: float
    ratio: float
    lo: float
    hi: float
    verdict: Verdict

    @property
    def percent(self) -> float:
        """Return the change in per cent of the first run."""
        return 100 * (self.ratio - 1)


def quantities(
    observations: Sequence[Observation], baseline: str, differences: Differences
) -> dict[Quantity, list[float]]:
    """Return the logs of every cell, of every ratio to the baseline and of every contrast."""
    found: dict[Quantity, list[float]] = {}
    blocks: dict[Quantity, dict[int, list[float]]] = {}
    for seen in observations:
        own = Quantity(seen.scenario, seen.load, seen.arm.removesuffix(AA), "", seen.metric)
        blocks.setdefault(own, {}).setdefault(seen.block, []).append(math.log(seen.value))
    for own, by_block in blocks.items():
        found[own] = [fmean(logs) for logs in by_block.values()]
    for pair in pairs(observations, baseline, differences):
        if not pair.is_aa:
            found[Quantity(pair.scenario, pair.load, pair.stack, pair.baseline, pair.metric)] = list(pair.log_ratios)
    return found


def changes(first: Logs, second: Logs, spreads: Spreads, runtime: str) -> Iterator[Change]:
    """Yield the change of every quantity that both runs have in at least two blocks."""
    for quantity in first:
        logs, others = first[quantity], second.get(quantity, ())
        if len(logs) > 1 and len(others) > 1:
            family = Load.model_validate(quantity.load).family
            yield _change(quantity, logs, others, spreads.get((runtime, quantity.kind, quantity.metric, family)))


def _change(quantity: Quantity, first: Sequence[float], second: Sequence[float], spread: Between | None) -> Change:
    mean, margin = fmean(second) - fmean(first), math.log1p(MARGIN[quantity.metric])
    parts = [(variance(logs) / len(logs), len(logs) - 1) for logs in (first, second)]
    if spread is not None:
        parts.append((2 * spread.sd**2, spread.freedom))
    half, tost = (_half(parts, confidence) for confidence in (CONFIDENCE, TOST_CONFIDENCE))
    verdict: Verdict = "inconclusive"
    if abs(mean) > max(half, margin):
        verdict = "different"
    elif abs(mean) + tost < margin:
        verdict = "equivalent"
    shown = tost if verdict == "equivalent" else half
    lo, hi = math.exp(mean - shown), math.exp(mean + shown)
    return Change(quantity, math.exp(fmean(first)), math.exp(fmean(second)), math.exp(mean), lo, hi, verdict)


def _half(parts: Iterable[tuple[float, int]], confidence: float) -> float:
    """Return half of the interval of a sum of independent means: Welch 1947, with Satterthwaite's degrees of freedom."""
    known = [(squared, freedom) for squared, freedom in parts if squared > 0]
    if not known:
        return 0.0
    total = math.fsum(squared for squared, _ in known)
    freedom = total**2 / math.fsum(squared**2 / freedom for squared, freedom in known)
    return float(stdtrit(freedom, (1 + confidence) / 2)) * math.sqrt(total)


def unspread(quantities: Iterable[Quantity], spreads: Spreads, runtime: str) -> set[tuple[str, str]]:
    """Return the kinds and metrics whose spread between runs is not known."""
    return {
        (one.kind, one.metric)
        for one in quantities
        if (runtime, one.kind, one.metric, Load.model_validate(one.load).family) not in spreads
    }
