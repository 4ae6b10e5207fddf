"""Estimates of evidence from the blocks of a run and from the processes of `make micro`, with intervals.

A ratio or difference of two cells is formed inside each block that both have, so that what slows a whole block cancels out.
Steps of `make micro` are measured in processes of their own, so two of them are independent: Welch's interval then.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import Protocol

from scipy.special import stdtrit  # type: ignore[import-untyped]

from lab.analysis.comparison.paired import MIN_BLOCKS
from lab.analysis.measures import MEASURES
from lab.analysis.summary import Judged
from lab.model import mixtures
from lab.model.cell import Cell
from lab.model.experiment import Evidence, Side
from lab.model.stack import Stack
from lab.model.workload import Scenario

SERVED = "served"
"""The metric that is 1 where a stack serves a scenario, and 0 where it declares that it does not, which its contract check confirms."""
MICROSECONDS = "us"
Figures = Mapping[int, float]
"""Number of a block or of a process -> what it measured."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval; `repeats` are the blocks or processes behind it."""

    value: float
    lo: float
    hi: float
    repeats: int


@dataclass(frozen=True)
class Missing:
    """Why there is no estimate."""

    reason: str
    was_asked: bool
    """Whether it was to be measured in this run: then something went wrong, and the statement is inconclusive."""


class Reader(Protocol):
    """Where figures come from."""

    def figures(self, side: Side, metric: str) -> Figures | Missing:
        """Return what each block, or each process of a step, measured."""


@dataclass(frozen=True)
class Material:
    """What a run has to read figures from."""

    trials: Mapping[tuple[str, str, str], Sequence[Judged]]
    """Stack, scenario and load -> the trials that count."""
    cells: Mapping[tuple[str, str, str], Cell]
    scenarios: Mapping[str, Scenario]
    stacks: Mapping[str, Stack]
    micro: Mapping[str, Sequence[float]]
    """Step -> µs in each process; ratios where the step is one of the naive benchmark."""

    def figures(self, side: Side, metric: str) -> Figures | Missing:
        """Return what each block, or each process of a step, measured."""
        if side.step:
            found = self.micro.get(side.step)
            return dict(enumerate(found)) if found else Missing("`make micro` is not part of this run", was_asked=False)
        scenario = self.scenarios.get(side.scenario)
        if scenario is None or side.stack not in self.stacks:
            what = f"the scenario {side.scenario}" if side.stack in self.stacks else f"the stack {side.stack}"
            return Missing(f"this run does not have {what}", was_asked=False)
        omitted = self.stacks[side.stack].why_omitted(*scenario.paths)
        if omitted is not None:
            return {0: 0.0} if metric == SERVED else Missing(f"{side.stack}: {omitted}", was_asked=False)
        return self._of_cell(metric, _key(side, scenario))

    def _of_cell(self, metric: str, key: tuple[str, str, str]) -> Figures | Missing:
        cell = self.cells.get(key)
        if cell is None:
            return Missing(f"this run did not measure {' '.join(key)}", was_asked=False)
        if cell.outcome != "valid":
            return Missing(f"{' '.join(key)} is {cell.outcome}: {cell.reason}", was_asked=True)
        if metric == SERVED:
            return {0: 1.0}
        samples = {one.trial.block: one.sample for one in self.trials[key] if one.sample}
        found = {block: MEASURES[metric](sample) for block, sample in samples.items()}
        known = {block: value for block, value in found.items() if value is not None}
        return known or Missing(f"{' '.join(key)} has no {metric}", was_asked=True)


def _key(side: Side, scenario: Scenario) -> tuple[str, str, str]:
    """Return the cell that a side means: of a part of a mixture, that of the part beside the others."""
    for portion in mixtures.portions(scenario, side.load) if side.part and side.load else ():
        if portion.alone.id == side.part:
            return side.stack, portion.beside.id, str(portion.load)
    return side.stack, scenario.id, str(side.load)


def estimate(evidence: Evidence, material: Reader, confidence: float) -> Estimate | Missing:
    """Return the evidence's estimate with its interval at this level."""
    read = [material.figures(side, evidence.metric) for side in evidence.sides]
    for one in read:
        if isinstance(one, Missing):
            return one
    sides = [one for one in read if not isinstance(one, Missing)]
    if evidence.metric == SERVED:
        return Estimate(sides[0][0], sides[0][0], sides[0][0], MIN_BLOCKS)
    independent = any(side.step for side in evidence.sides)
    first, *others = sides
    if evidence.less is not None:
        minus, *others = others
        first = _joined(first, minus, lambda a, b: a - b)
    if isinstance(evidence.over, float):
        scale = evidence.over
        return _mean({number: value / scale for number, value in first.items()}, confidence)
    if not others:
        return _mean(first, confidence)
    if independent:
        return _welch(_logs(first), _logs(others[0]), confidence)
    return _geometric(_joined(first, others[0], lambda a, b: a / b), confidence)


def _joined(one: Figures, other: Figures, operation: Callable[[float, float], float]) -> Figures:
    return {number: operation(one[number], other[number]) for number in sorted(one.keys() & other.keys())}


def _logs(figures: Figures) -> list[float]:
    return [math.log(value) for value in figures.values()]


def _geometric(ratios: Figures, confidence: float) -> Estimate | Missing:
    if any(value <= 0 for value in ratios.values()):
        return _mean(ratios, confidence)
    found = _mean({number: math.log(value) for number, value in ratios.items()}, confidence)
    return found if isinstance(found, Missing) else _of_logs(found)


def _of_logs(found: Estimate) -> Estimate:
    return Estimate(math.exp(found.value), math.exp(found.lo), math.exp(found.hi), found.repeats)


def _mean(figures: Figures, confidence: float) -> Estimate | Missing:
    """Return the mean with Student's interval."""
    values = list(figures.values())
    if len(values) < MIN_BLOCKS:
        return _too_few(len(values))
    half = float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * math.sqrt(variance(values) / len(values))
    return Estimate(fmean(values), fmean(values) - half, fmean(values) + half, len(values))


def _too_few(repeats: int) -> Missing:
    return Missing(f"measured {repeats} time{'s' * (repeats != 1)}, and a claim needs {MIN_BLOCKS}", was_asked=True)


def _welch(one: Sequence[float], other: Sequence[float], confidence: float) -> Estimate | Missing:
    """Return the ratio of two independent geometric means with Welch's interval (Welch 1947)."""
    if (repeats := min(len(one), len(other))) < MIN_BLOCKS:
        return _too_few(repeats)
    errors = [variance(logs) / len(logs) for logs in (one, other)]
    total, mean = sum(errors), fmean(one) - fmean(other)
    spread = sum(error**2 / (len(logs) - 1) for error, logs in zip(errors, (one, other), strict=True))
    half = float(stdtrit(total**2 / spread, (1 + confidence) / 2)) * math.sqrt(total) if spread else 0
    return _of_logs(Estimate(mean, mean - half, mean + half, repeats))
