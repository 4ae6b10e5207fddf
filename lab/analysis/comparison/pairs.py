"""Pairs of arms, joined inside the blocks that both ran."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lab.model.stack import AA


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

    @property
    def is_aa(self) -> bool:
        """Return whether this is the baseline against itself."""
        return self.stack.endswith(AA)


def pairs(observations: Iterable[Observation], baseline: str) -> list[Pair]:
    """Join arms and the baseline inside their blocks; an arm that shares no block with the baseline gives no pair."""
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
