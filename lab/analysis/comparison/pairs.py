"""Pairs of arms, joined inside the blocks that both ran."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from lab.analysis.comparison.chance import Chance, Floats, chance
from lab.model.stack import AA

SHARED = 2
"""Blocks that two arms need in common for a standard error."""
Differences = Mapping[tuple[str, str], Sequence[str]]
"""Arm and reference -> the factors in which they differ."""
NONE: Differences = {}


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
    """Logs by arm and block of one scenario, load and metric, and the pairs of arms that are compared."""

    scenario: str
    load: str
    metric: str
    logs: Mapping[str, Mapping[int, float]]
    asked: tuple[tuple[str, str], ...]
    """Arm and reference."""

    def ratios(self, arm: str, reference: str) -> tuple[float, ...]:
        """Return the log ratios of an arm to its reference in the blocks that both have."""
        own, others = self.logs.get(arm, {}), [self.logs[name] for name in self._names(arm, reference)]
        bases = {block: [logs[block] for logs in others if block in logs] for block in sorted(own)}
        return tuple(own[block] - math.fsum(base) / len(base) for block, base in bases.items() if base)

    def _names(self, arm: str, reference: str) -> list[str]:
        """Return the arms that a reference consists of: its A/A arm is the same stack, measured a second time."""
        both = [reference] if arm == reference + AA else [reference, reference + AA]
        return [name for name in both if name in self.logs] if reference in self.logs else []

    @cached_property
    def known(self) -> list[tuple[str, str]]:
        """The pairs whose ratio has a standard error."""
        return [pair for pair in self.asked if len(self.ratios(*pair)) >= SHARED]

    @cached_property
    def chance(self) -> Chance:
        """What chance does to their ratios; loads of one scenario are simulated apart from each other."""
        asked = [(arm, self._names(arm, reference)) for arm, reference in self.known]
        arms = list(dict.fromkeys(name for arm, references in asked for name in (arm, *references)))
        blocks = sorted(set().union(*(self.logs[arm] for arm in arms)))
        table = [[self.logs[arm].get(block, math.nan) for block in blocks] for arm in arms]
        rows = [(arms.index(arm), [arms.index(name) for name in references]) for arm, references in asked]
        return chance(table, rows, list(f"{self.scenario} {self.load}".encode()))


@dataclass(frozen=True)
class Pair:
    """Two arms under one load, with the log of their ratio in each block that both have."""

    stack: str
    baseline: str
    log_ratios: tuple[float, ...]
    factors: tuple[str, ...]
    """In which they differ; none known of stacks that declare none."""
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
    def is_contrast(self) -> bool:
        """Return whether the arms differ in one factor, which the ratio then belongs to."""
        return len(self.factors) == 1

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
        return self.group.known.index((self.stack, self.baseline))


def pairs(observations: Iterable[Observation], baseline: str, differences: Differences = NONE) -> list[Pair]:
    """Join arms inside their blocks: each with the baseline, and the two of each contrast.

    Args:
        observations: what was measured.
        baseline: the arm that all others are compared with.
        differences: arm and reference -> the factors in which they differ. Pairs without the baseline are compared too.

    Two arms that share no block give no pair.
    """
    logs: dict[tuple[str, str, str], dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for seen in observations:
        logs[seen.scenario, seen.load, seen.metric][seen.arm][seen.block] = math.log(seen.value)
    contrasts = [pair for pair in differences if pair[1] != baseline]
    groups = (
        Group(*key, arms, (*((arm, baseline) for arm in arms if arm != baseline), *contrasts))
        for key, arms in logs.items()
    )
    return [
        Pair(*pair, ratios, tuple(differences.get(pair, ())), group)
        for group in groups
        for pair in group.asked
        if (ratios := group.ratios(*pair))
    ]
