"""Estimates of evidence from the blocks of a run and from the processes of `make micro`, with intervals.

A ratio or difference is formed inside each block, or each round of processes, that both figures have: what slows the whole of it
cancels out.
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

from lab.analysis.comparison.paired import MIN_BLOCKS
from lab.analysis.measures import MEASURES
from lab.analysis.micro import Original, naive_ratios
from lab.analysis.student import half_width
from lab.analysis.summary import Judged
from lab.errors import LabError
from lab.model import mixtures
from lab.model.cell import Cell
from lab.model.experiment import Evidence, Experiment, Side
from lab.model.stack import Stack
from lab.model.workload import Scenario

SERVED = "served"
"""The metric that is 1 where a stack serves a scenario, and 0 where it declares that it does not, which its contract check confirms."""
MICROSECONDS = "us"
"""The metric of a step of `make micro`."""
NAIVE = "naive"
"""The step whose figure is what the naive benchmark says: how many times longer the coroutine takes."""
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


def refuse_unknown(experiments: Iterable[Experiment]) -> None:
    """Raise a LabError for a metric that no cell, or no step, has: a run that ends with it would have measured for nothing."""
    for experiment in experiments:
        for one in experiment.evidence:
            known = {MICROSECONDS} if any(side.step for side in one.read) else {SERVED, *MEASURES}
            if one.metric not in known:
                raise LabError(
                    f"The experiment {experiment.id} reads the metric {one.metric!r}; choose from {', '.join(sorted(known))}."
                )


class Reader(Protocol):
    """Where figures come from."""

    def figures(self, side: Side, metric: str) -> Figures | Missing:
        """Return what each block, or each process of a step, measured."""

    def slots(self, side: Side) -> float:
        """Return how many requests may be at work at once; infinite without a limit."""


@dataclass(frozen=True)
class Material:
    """What a run has to read figures from."""

    trials: Mapping[tuple[str, str, str], Sequence[Judged]]
    """Stack, scenario and load -> the trials that count."""
    cells: Mapping[tuple[str, str, str], Cell]
    scenarios: Mapping[str, Scenario]
    stacks: Mapping[str, Stack]
    micro: Original | None

    def figures(self, side: Side, metric: str) -> Figures | Missing:
        """Return what each block, or each process of a step, measured."""
        if side.step:
            return self._of_step(side.step)
        scenario = self.scenarios.get(side.scenario)
        if scenario is None or side.stack not in self.stacks:
            what = f"the scenario {side.scenario}" if side.stack in self.stacks else f"the stack {side.stack}"
            return Missing(f"this run does not have {what}", was_asked=False)
        omitted = self.stacks[side.stack].why_omitted(*scenario.paths)
        if omitted is not None:
            return {0: 0.0} if metric == SERVED else Missing(f"{side.stack}: {omitted}", was_asked=False)
        return self._of_cell(metric, _key(side, scenario))

    def slots(self, side: Side) -> float:
        """Return how many requests may be at work at once: threads, or connections of a pool."""
        known = self.trials.get((side.stack, side.scenario, str(side.load)))
        return (known[0].limits.slots if known else None) or math.inf

    def _of_step(self, step: str) -> Figures | Missing:
        """Return the µs of a step in each round of processes, or what each naive benchmark says."""
        if self.micro is None:
            return Missing("`make micro` is not part of this run", was_asked=False)
        if step == NAIVE:
            return dict(enumerate(naive_ratios(self.micro)))
        known = self.micro.steps.get(step)
        return _microseconds(known) if known else Missing(f"`make micro` has no step {step}", was_asked=True)

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


def _microseconds(seconds: Sequence[float]) -> Figures:
    return {number: one * 1e6 for number, one in enumerate(seconds)}


def _key(side: Side, scenario: Scenario) -> tuple[str, str, str]:
    """Return the cell that a side means: of a part of a mixture, that of the part beside the others."""
    for portion in mixtures.portions(scenario, side.load) if side.part and side.load else ():
        if portion.alone.id == side.part:
            return side.stack, portion.beside.id, str(portion.load)
    return side.stack, scenario.id, str(side.load)


def estimate(evidence: Evidence, material: Reader, confidence: float) -> Estimate | Missing:
    """Return the evidence's estimate with its interval at this level."""
    sides = _all([material.figures(side, evidence.metric) for side in evidence.read])
    if isinstance(sides, Missing):
        return sides
    if evidence.metric == SERVED:
        return Estimate(sides[0][0], sides[0][0], sides[0][0], MIN_BLOCKS)
    first, *others = sides
    if evidence.less is not None:
        minus, *others = others
        first = _difference(first, minus)
    if others:
        beside = _difference(*others)
        if 0.0 in beside.values():
            return Missing(f"{evidence.metric} of what it is compared with is 0", was_asked=True)
        first = _joined(first, beside, operator.truediv)
    elif isinstance(evidence.over, float):
        first = {number: value / evidence.over for number, value in first.items()}
    return _mean(list(first.values()), confidence)


def _all(read: Sequence[Figures | Missing]) -> list[Figures] | Missing:
    """Return the figures, or why the first of them that is missing is."""
    missing = next((one for one in read if isinstance(one, Missing)), None)
    return missing or [one for one in read if not isinstance(one, Missing)]


def forecast(evidence: Evidence, material: Reader) -> float | Missing:
    """Return the ratio of throughputs that a few users let expect: the geometric mean over blocks of that in each of them."""
    sides = []
    for side in (evidence.of, evidence.over):
        assert isinstance(side, Side)  # noqa: S101  # Evidence refuses anything else
        profile = evidence.profile_of(side)
        known = _all([material.figures(profile, metric) for metric in ("cpu_us_per_request", "mean_ms")])
        if isinstance(known, Missing):
            return known
        cpu_us, mean_ms = known
        users, slots = side.load.amount if side.load else 0, material.slots(side)
        blocks = cpu_us.keys() & mean_ms.keys()
        sides.append({block: _forecast_rps(cpu_us[block] / 1e3, mean_ms[block], users, slots) for block in blocks})
    of, over = sides
    ratios = _joined(of, over, operator.truediv)
    return math.exp(fmean(map(math.log, ratios.values()))) if ratios else _too_few(0)


def _forecast_rps(cpu_ms: float, whole_ms: float, users: int, slots: float) -> float:
    """Return the throughput that a request's CPU time and whole time allow, by the bounds of lab/answers/law.py."""
    return 1e3 * min(min(users, slots) / whole_ms, 1 / cpu_ms)


def _difference(figures: Figures, less: Figures | None = None) -> Figures:
    return figures if less is None else _joined(figures, less, operator.sub)


def _joined(one: Figures, other: Figures, operation: Callable[[float, float], float]) -> Figures:
    return {number: operation(one[number], other[number]) for number in sorted(one.keys() & other.keys())}


def _mean(values: Sequence[float], confidence: float) -> Estimate | Missing:
    """Return the geometric mean with Student's interval, computed from the logs; the plain one where not all are above 0."""
    if len(values) < MIN_BLOCKS:
        return _too_few(len(values))
    write: Callable[[float], float]
    read, write = (math.log, math.exp) if min(values) > 0 else (float, float)
    seen = [read(value) for value in values]
    mean, half = fmean(seen), half_width(seen, confidence) or 0
    return Estimate(write(mean), write(mean - half), write(mean + half), len(values))


def _too_few(repeats: int) -> Missing:
    return Missing(f"measured {repeats} time{'s' * (repeats != 1)}, and a claim needs {MIN_BLOCKS}", was_asked=True)
