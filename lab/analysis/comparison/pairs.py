"""Pairs of arms, joined inside the blocks that both ran."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lab.analysis.comparison.chance import Chance, Floats, chance
from lab.model.stack import AA

SHARED = 2
"""Blocks that an arm needs in common with the baseline to have a standard error."""


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
class Group:
    """Logs by arm and block of one scenario, load and metric; the baseline is among the arms."""

    scenario: str
    load: str
    metric: str
    baseline: str
    logs: Mapping[str, Mapping[int, float]]

    def ratios(self, arm: str) -> tuple[float, ...]:
        """Return the log ratios of an arm to the baseline in the blocks that both have."""
        own, base = self.logs[arm], self.logs.get(self.baseline, {})
        return tuple(own[block] - base[block] for block in sorted(own.keys() & base.keys()))

    @cached_property
    def arms(self) -> list[str]:
        """The arms whose ratio has a standard error."""
        return [arm for arm in self.logs if arm != self.baseline and len(self.ratios(arm)) >= SHARED]

    @cached_property
    def chance(self) -> Chance:
        """What chance does to their ratios; loads of one scenario are simulated apart from each other."""
        blocks = sorted(set().union(*self.logs.values()))
        table = [[self.logs[arm].get(block, math.nan) for block in blocks] for arm in (self.baseline, *self.arms)]
        return chance(table, list(f"{self.scenario} {self.load}".encode()))


@dataclass(frozen=True)
class Pair:
    """Two arms under one load, with the log of their ratio in each block that both have."""

    stack: str
    log_ratios: tuple[float, ...]
    group: Group = field(repr=False, compare=False)

    @property
    def scenario(self) -> str:
        """What both were asked."""
        return self.group.scenario

    @property
    def load(self) -> str:
        """The load of both."""
        return self.group.load

    @property
    def metric(self) -> str:
        """What the ratio is of."""
        return self.group.metric

    @property
    def is_aa(self) -> bool:
        """Return whether this is the baseline against itself."""
        return self.stack.endswith(AA)

    @property
    def mean(self) -> float:
        """The mean log ratio."""
        return math.fsum(self.log_ratios) / len(self.log_ratios)

    @property
    def has_error(self) -> bool:
        """Whether there are blocks enough for a standard error."""
        return len(self.log_ratios) >= SHARED

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return float(self.group.chance.errors[self._index])

    @property
    def strays(self) -> Floats:
        """How many standard errors the mean is from 0 in each simulated run of equal arms."""
        return self.group.chance.strays(self._index)

    @property
    def equal(self) -> tuple[Floats, Floats]:
        """Mean and standard error in each simulated run of equal arms."""
        return self.group.chance.equal_means[:, self._index], self.group.chance.equal_errors[:, self._index]

    @property
    def _index(self) -> int:
        return self.group.arms.index(self.stack)


def pairs(observations: Iterable[Observation], baseline: str) -> list[Pair]:
    """Join arms and the baseline inside their blocks; an arm that shares no block with the baseline gives no pair."""
    logs: dict[tuple[str, str, str], dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for seen in observations:
        logs[seen.scenario, seen.load, seen.metric][seen.arm][seen.block] = math.log(seen.value)
    groups = (Group(*key, baseline, arms) for key, arms in logs.items())
    return [
        Pair(arm, ratios, group)
        for group in groups
        for arm in group.logs
        if arm != baseline and (ratios := group.ratios(arm))
    ]
