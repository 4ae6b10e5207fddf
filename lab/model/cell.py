"""A row of a report: all trials of one stack on one scenario and load."""

from typing import Literal, Self

from pydantic import Field, model_validator

from lab.model.noun import Amount, Count, Noun


class Value(Noun):
    """An estimate with its 95 % interval over blocks; the interval is None with fewer than two blocks."""

    mean: Amount
    lo: Amount | None = None
    hi: Amount | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.lo is not None and self.hi is not None and not self.lo <= self.mean <= self.hi:
            raise ValueError("an interval holds its estimate")
        return self


Figure = Value | Amount | None
"""None: not measured."""


class Cell(Noun):
    """One row of summary.csv: stack x scenario x load over all blocks.

    Figures are a mapping, so that a new one needs no field here: lab/analysis/columns.py names them. An unknown name is a
    KeyError, since every cell has them all.
    """

    stack: str
    scenario: str
    load: str
    blocks: Count
    """Valid blocks."""
    outcome: Literal["valid", "failed", "invalid"]
    reason: str = ""
    bound_by: str = ""
    notes: tuple[str, ...] = ()
    """What a reader must know beside the outcome, one sentence each, with the amount and in how many of the blocks."""
    figures: dict[str, Figure] = Field(default_factory=dict)
    """Name of a column -> its figure."""

    @property
    def valid(self) -> bool:
        return self.outcome == "valid"

    @property
    def rps(self) -> Value | None:
        """Throughput with its interval; None where the cell has no numbers."""
        found = self.figures["rps"]
        return found if isinstance(found, Value) else None

    def amount(self, name: str) -> float | None:
        """Return a figure without its interval."""
        found = self.figures[name]
        return found.mean if isinstance(found, Value) else found
