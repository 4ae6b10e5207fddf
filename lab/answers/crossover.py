"""The law of the crossover, fitted to what a run measured of it, corrected by its errors nearby, and how far both are from that."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, log

import numpy
from scipy.stats import theilslopes  # type: ignore[import-untyped]

from lab.answers.law import Law, Point, Seen, better_form, errors
from lab.answers.nearby import Nearby
from lab.model.cell import Cell
from lab.model.loads import Load
from lab.model.stack import Stack
from lab.model.workload import Scenario

WORKLOAD = "mixed"
"""The scenarios that wait for W and compute for C."""
LEAST = 8
"""Points of each side that a fit needs: it has up to five figures to find."""
NO_WAIT_MS = 1.0
"""Waits much shorter than this are all alike."""
LIKELY = 0.9
"""Share of the measured points that lie within what a prediction gives as its interval."""


@dataclass(frozen=True)
class Measured(Seen):
    """A valid cell at a point of the law."""

    p99_ms: float | None
    memory_mb: float | None

    @property
    def tail(self) -> float | None:
        """Return the p99 as a multiple of the mean latency, which is users over throughput (Little's law)."""
        return None if self.p99_ms is None else self.p99_ms / (1e3 * self.point.users / self.rps)


def measured(
    cells: Iterable[Cell], scenarios: Mapping[str, Scenario], stacks: Mapping[str, Stack]
) -> tuple[Measured, ...]:
    """Return the valid cells under closed load, each at its point, of the stack that has most of them in both kinds of handlers."""
    families: dict[tuple[object, ...], list[Measured]] = defaultdict(list)
    cells = list(cells)
    really = _really(cells, scenarios, stacks)
    for cell in cells:
        scenario, stack, load = scenarios.get(cell.scenario), stacks[cell.stack], Load.model_validate(cell.load)
        cpu_ms = None if scenario is None else _cpu_ms(scenario)
        if scenario is None or cpu_ms is None or not cell.valid or not cell.rps or stack.workers != 1:
            continue
        if load.question != "closed" or stack.model not in ("threads", "async"):
            continue
        threads = stack.slots if stack.model == "threads" else None
        point = Point(float(scenario.params["ms"]), cpu_ms * really, load.amount, threads)
        one = Measured(point, cell.rps.mean, cell.amount("p99_ms"), cell.amount("memory_mb"))
        families[stack.framework, stack.server, stack.loop, stack.parser].append(one)
    most: list[Measured] = max(families.values(), key=_least_of_a_side, default=[])
    return tuple(most)


def _really(cells: Iterable[Cell], scenarios: Mapping[str, Scenario], stacks: Mapping[str, Stack]) -> float:
    """Return how much CPU time a millisecond that was asked for really took: machines do not keep the speed they had at the start.

    The slope over the cells of coroutines whose CPU is full, by the median of all pairs (Theil 1950, Sen 1968); 1 without them.
    """
    full = [
        (asked_ms, cpu_us / 1e3)
        for cell in cells
        if cell.bound_by == "server CPU" and stacks[cell.stack].model == "async" and cell.scenario in scenarios
        if (asked_ms := _cpu_ms(scenarios[cell.scenario])) is not None
        and (cpu_us := cell.amount("cpu_us_per_request")) is not None
    ]
    if len({asked_ms for asked_ms, _ in full}) < 2:  # a slope needs two points
        return 1.0
    asked, took = zip(*full, strict=True)
    return float(theilslopes(took, asked).slope)


def _least_of_a_side(measured: Sequence[Measured]) -> int:
    threads = sum(one.point.threads is not None for one in measured)
    return min(threads, len(measured) - threads)


def _cpu_ms(scenario: Scenario) -> float | None:
    """Return the CPU time that was asked for; None where it was asked for in rounds, whose time is not known."""
    if scenario.workload != WORKLOAD:
        return None
    if scenario.cpu_ms is not None:
        return float(scenario.cpu_ms)
    return 0.0 if scenario.params.get("rounds") == 1 else None


@dataclass(frozen=True)
class Crossover:
    """The law, fitted, and its correction by the errors at the points that it was fitted to."""

    measured: tuple[Measured, ...]

    @classmethod
    def of(cls, measured: Sequence[Measured]) -> "Crossover | None":
        """Return the fit; None where a side has too few points."""
        return None if _least_of_a_side(measured) < LEAST else cls(tuple(measured))

    @cached_property
    def law(self) -> Law:
        return better_form(self.measured)

    def side(self, threads: bool) -> tuple[Measured, ...]:
        """Return the points of threads, or of coroutines."""
        return tuple(one for one in self.measured if (one.point.threads is not None) == threads)

    @cached_property
    def _nearby(self) -> dict[bool, Nearby]:
        """Return what the law is off at the points of coroutines, and at those of threads."""
        sides = {threads: self.side(threads) for threads in (False, True)}
        return {
            threads: Nearby.of([self._place(one.point) for one in side], errors(self.law, side))
            for threads, side in sides.items()
        }

    def _place(self, point: Point) -> tuple[float, ...]:
        """Return where a point is among the others, in logs."""
        inside = point.users if point.threads is None else min(point.users, point.threads)
        return log(point.wait_ms + NO_WAIT_MS), log(self.law.busy_ms(point)), log(inside), log(point.users / inside)

    def rps(self, point: Point) -> float:
        """Return the requests per second to expect: by the law, and by what it is off at points nearby."""
        nearby = self._nearby[point.threads is not None]
        return self.law.rps(point) * exp(nearby.error(self._place(point)))

    def foretold(self, threads: bool) -> dict[Point, float]:
        """Return the requests per second to expect at each measured point of a side, corrected by its other points alone."""
        off = self._nearby[threads].foretold
        return {one.point: self.law.rps(one.point) * exp(off) for one, off in zip(self.side(threads), off, strict=True)}

    def spread(self, threads: bool) -> float:
        """Return the factor within which a share of `LIKELY` of the points of a side is from what the others foretell."""
        foretold = self.foretold(threads)
        return exp(likely([log(one.rps / foretold[one.point]) for one in self.side(threads)]))

    def spread_at(self, point: Point) -> float:
        """Return the same for a point that was not measured: the fewer points are near, the more it is the law's own."""
        threads = point.threads is not None
        near, known = self.spread(threads), self._nearby[threads].known(self._place(point))
        of_law = max(near, exp(likely(errors(self.law, self.side(threads)))))
        return exp(known * log(near) + (1 - known) * log(of_law))

    def ratio_spread(self) -> float:
        """Return the same as `spread` for the ratio of coroutines over threads, of points that have both."""
        found = [log(one.ratio / one.expected) for one in self.pairs()]
        return exp(likely(found)) if found else self.spread(True) * self.spread(False)

    def pairs(self) -> list["Both"]:
        """Return every point that both sides have."""
        coroutines = {(one.point.wait_ms, one.point.cpu_ms, one.point.users): one for one in self.side(False)}
        foretold = {threads: self.foretold(threads) for threads in (False, True)}
        found = []
        for one in self.side(True):
            beside = coroutines.get((one.point.wait_ms, one.point.cpu_ms, one.point.users))
            if beside:
                expected = foretold[False][beside.point] / foretold[True][one.point]
                found.append(Both(one.point, beside.rps / one.rps, expected, _tails(beside, one)))
        return found


def likely(errors: Sequence[float]) -> float:
    """Return what a share of `LIKELY` of the errors do not exceed, whatever their sign."""
    return float(numpy.quantile(numpy.abs(errors), LIKELY))


def _tails(coroutines: Measured, threads: Measured) -> float | None:
    if coroutines.p99_ms is None or threads.p99_ms is None:
        return None
    return coroutines.p99_ms / threads.p99_ms


@dataclass(frozen=True)
class Both:
    """Coroutines over threads at one point."""

    point: Point
    """Of threads."""
    ratio: float
    """Of throughput, measured."""
    expected: float
    """The same as the other points foretell it."""
    p99_ratio: float | None
