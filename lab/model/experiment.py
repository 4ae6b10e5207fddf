"""A statement under test, with what is to be measured and the rule that decides; written before the run and stored with it.

loadtests/experiments/ has one file for each.
"""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from lab.model.loads import CellName, Load, RowName
from lab.model.noun import Noun

Verdict = Literal["supported", "refuted", "inconclusive", "not_measured"]
SIDES = ("of", "less", "over", "over_less")
_OF_A_CELL = ("stack", "scenario", "load")
_INHERITED = ("metric", "unit", "above", "below", "profiled", *_OF_A_CELL)
"""What a file says once for all its evidence."""


class Side(Noun):
    """Where a figure is read: a cell of the run, or a step of `make micro`."""

    stack: str = ""
    scenario: str = ""
    load: Load | None = None
    part: str = ""
    """Of a mixture: the scenario whose own figure is meant."""
    step: str = ""

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if bool(self.step) == all((self.stack, self.scenario, self.load)):
            raise ValueError("a figure is read in a cell (stack, scenario and load) or in a step of `make micro`")
        return self

    @property
    def cell(self) -> CellName | None:
        """Return stack, scenario and load of the trials that it needs; None for a step."""
        return None if self.load is None else (self.stack, self.scenario, self.load)


class Evidence(Noun):
    """An estimate, and the range in which it must lie if the statement is true.

    The estimate is the figure of `of`, less that of `less`; over that of `over`, less that of `over_less`, or over a number that is
    known beforehand.
    """

    says: str
    """What it shows, as the beginning of a sentence."""
    metric: str
    """The figure that is read, by its name in lab/analysis/measures.py; `us` of a step."""
    of: Side
    less: Side | None = None
    over: Side | float | None = None
    over_less: Side | None = None
    """What the figure of `over` is less by."""
    profiled: Load | None = None
    """Of a ratio of throughputs: a load of few users, under which CPU time and latency of a request forecast it. The range is
    then that of the forecast: the same side wins, or neither does."""
    unit: str = ""
    """Of the estimate; empty for a ratio."""
    above: float | None = None
    below: float | None = None
    decides: bool = True
    """False: it is only told."""

    @model_validator(mode="after")
    def _can_decide(self) -> Self:
        if self.decides and self.profiled is None and self.above is None and self.below is None:
            raise ValueError("evidence that decides needs `above` or `below`")
        if self.above is not None and self.below is not None and self.above > self.below:
            raise ValueError("`above` is more than `below`")
        if self.profiled and not (self.is_ratio and self.metric == "rps" and self.less is None):
            raise ValueError("only a ratio of throughputs has a forecast")
        return self

    @property
    def read(self) -> tuple[Side, ...]:
        """Return where it reads its metric, in the order of the fields."""
        return tuple(side for side in (self.of, self.less, self.over, self.over_less) if isinstance(side, Side))

    @property
    def sides(self) -> tuple[Side, ...]:
        """Return all places where it reads a figure."""
        return self.read + (tuple(map(self.profile_of, self.read)) if self.profiled else ())

    def profile_of(self, side: Side) -> Side:
        """Return where a side's CPU time and wait of a request are read."""
        return side.model_copy(update={"load": self.profiled})

    @property
    def is_ratio(self) -> bool:
        """Return whether the estimate compares two measured figures by their ratio."""
        return isinstance(self.over, Side)


class Experiment(Noun):
    """One statement of the lab's list."""

    id: str
    statement: str
    claimed: str
    """The figures that are claimed, in words."""
    hypothesis: str
    """What is measured if the statement is true."""
    topic: str = ""
    """Its row in the table of guidelines; empty where it has none."""
    advice: Mapping[Verdict, str] = Field(default_factory=dict)
    """Verdict -> what that table advises."""
    needs: Literal["all", "any"] = "all"
    """Whether all evidence that decides must hold, or one is enough."""
    evidence: tuple[Evidence, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, value: Any) -> Any:
        """Give each piece of evidence what the file says once; a side is a stack's name or a table."""
        if not isinstance(value, dict) or not isinstance(value.get("evidence"), list | tuple):
            return value
        common = {name: value[name] for name in _INHERITED if name in value}
        own = {name: field for name, field in value.items() if name not in _INHERITED}
        return {**own, "evidence": [_whole(one, common) for one in value["evidence"]]}

    @model_validator(mode="after")
    def _decides(self) -> Self:
        if not any(one.decides for one in self.evidence):
            raise ValueError("no evidence decides")
        return self

    @property
    def sides(self) -> tuple[Side, ...]:
        """Return all places where it reads a figure."""
        return tuple(side for one in self.evidence for side in one.sides)


def cells_of(experiments: Iterable[Experiment]) -> tuple[CellName, ...]:
    """Return stack, scenario and load of every cell that the experiments need, each once, in their order."""
    found = (side.cell for one in experiments for side in one.sides)
    return tuple(dict.fromkeys(cell for cell in found if cell is not None))


def families_of(experiments: Iterable[Experiment]) -> tuple[tuple[RowName, ...], ...]:
    """Return scenarios under loads in families: those of one piece of evidence, and all that others join to them."""
    families: list[tuple[RowName, ...]] = []
    for evidence in (evidence for one in experiments for evidence in one.evidence):
        family = tuple((side.scenario, side.load) for side in evidence.read if side.load is not None)
        joined = [one for one in families if set(one) & set(family)]
        families = [one for one in families if one not in joined]
        families.append(tuple(dict.fromkeys(chain(*joined, family))))
    return tuple(family for family in families if len(family) > 1)


def _whole(evidence: Any, common: Mapping[str, Any]) -> Any:
    if not isinstance(evidence, dict):
        return evidence
    merged = {**common, **evidence}
    cell = {name: merged.pop(name) for name in _OF_A_CELL if name in merged}
    sides = {name: _side(merged[name], cell) for name in SIDES if name in merged}
    return {**merged, **sides}


def _side(side: Any, cell: Mapping[str, Any]) -> Any:
    if isinstance(side, str):
        return {**cell, "stack": side}
    return side if not isinstance(side, dict) or "step" in side else {**cell, **side}
