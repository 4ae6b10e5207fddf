"""What a report says of one scenario under one load."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lab.compare.rows import Comparison
from lab.judge.bounds import MEANING
from lab.nouns import Cell, Scenario
from lab.report import words


@dataclass(frozen=True)
class Answer:
    """What the short answer says of one stack in one scenario; `tone` is better, worse or plain."""

    label: str
    detail: str = ""
    note: str = ""
    tone: str = "plain"


@dataclass(frozen=True)
class Line:
    """One stack in a scenario's table; `against` is its headline comparison with the baseline."""

    cell: Cell
    against: Comparison | None
    base: Cell | None

    @property
    def answer(self) -> Answer:
        if self.base is self.cell:
            return Answer("baseline")
        if self.cell.outcome != "valid":
            return Answer(self.cell.outcome)
        if self.against is None:
            return Answer("no comparison", "the baseline is not valid" if self.base else "the baseline cannot do this")
        return Answer(words.label(self.against), words.detail(self.against), self._note, self._tone(self.against))

    @property
    def _note(self) -> str:
        """Where something else than the server's CPU was measured, the reader must know."""
        base = self.base.bound_by if self.base else ""
        if {self.cell.bound_by, base} <= {"server CPU", ""}:
            return ""
        return f"bound by {self.cell.bound_by}" + (f", baseline by {base}" if base != self.cell.bound_by else "")

    @staticmethod
    def _tone(row: Comparison) -> str:
        if row.verdict != "different":
            return "plain"
        return "better" if (row.ratio > 1) == (row.metric == "rps") else "worse"


@dataclass(frozen=True)
class Section:
    """One scenario under one load."""

    scenario: Scenario
    load: str
    lines: tuple[Line, ...]
    cannot: Mapping[str, str]
    """Stack -> why it cannot do this."""
    comparisons: tuple[Comparison, ...]
    aa: tuple[Comparison, ...]
    metric: str

    @property
    def title(self) -> str:
        return f"{self.scenario.id}, {self.load_words}"

    @property
    def load_words(self) -> str:
        kind, amount = self.load.split(":")
        return f"{int(amount):,} users" if kind == "closed" else f"{int(amount):,} requests/s offered"

    @property
    def slug(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", f"{self.scenario.id} {self.load}".lower()).strip("-")

    @property
    def answers(self) -> list[str]:
        """The headline comparisons as sentences."""
        return [words.sentence(row) for row in self.comparisons if row.metric == self.metric]

    @property
    def other_metrics(self) -> list[str]:
        return [words.sentence(row) for row in self.comparisons if row.metric != self.metric]

    @property
    def warning_bounds(self) -> dict[str, str]:
        """Bound -> what it means, of those that occur and are not what one wants to measure."""
        found = {line.cell.bound_by for line in self.lines}
        return {bound: meaning for bound, meaning in MEANING.items() if bound in found and bound != "server CPU"}

    def answer(self, stack: str) -> Answer:
        """What the short answer says of a stack, or why it says nothing."""
        if stack in self.cannot:
            return Answer("cannot")
        return next((line.answer for line in self.lines if line.cell.stack == stack), Answer("not measured"))
