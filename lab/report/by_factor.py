"""What a report says first: pairs of stacks that differ in one factor, and what that factor changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lab.analysis.comparison.contrasts import differences, instead_of
from lab.analysis.comparison.rows import Comparison
from lab.analysis.validity.bounds import QUOTA
from lab.model.stack import CONFIGURATION, DOCUMENTED, FACTORS, PYTHON, SETTINGS, VARIANT, Stack
from lab.report import words
from lab.report.view import View

_WORDS = {
    ("handlers", "async"): "`async def`",
    ("handlers", "sync"): "`def`",
    ("model", "sync"): "one request at a time",
}
_PLACE = ("framework", "server", "model")
"""What a contrast is named after, or what goes without saying; the others tell it from the contrasts beside it."""
_ORDER = (CONFIGURATION, *SETTINGS, PYTHON, *reversed(FACTORS))
"""Changed settings come first: somebody asked for them."""
MOST = 100
"""So many contrasts are told in a sentence each; the table has all."""


@dataclass(frozen=True)
class Contrast:
    """Two stacks that differ in one factor, with the headline comparison of each scenario and load."""

    factor: str
    stack: Stack
    reference: Stack
    rows: tuple[Comparison, ...]
    """The stack over its reference."""
    bounds: Mapping[tuple[str, str, str], str] = field(default_factory=dict, repr=False)
    """Scenario, load and stack -> what limited its throughput."""

    @property
    def change(self) -> str:
        """Return what one has instead of the other: `uvloop instead of asyncio`, `Gunicorn instead of Uvicorn with h11`, `200 instead of 40`."""
        return f"{self._value(self.stack, self.reference)} instead of {self._value(self.reference, self.stack)}"

    @property
    def shared(self) -> str:
        """Return what both have: `FastAPI on Uvicorn`; of the rest, what tells this contrast from others of its factor.

        Variants of one service share its name.
        """
        (service, *own), (other, *others) = (stack.name.split(VARIANT) for stack in (self.stack, self.reference))
        place, how = ([service], []) if service == other else self._in_common()
        how += ["documented settings" if asked == DOCUMENTED else asked for asked in own if asked in others]
        return " ".join(filter(None, [*place, f"with {words.listed(how)}" if how else ""]))

    def _in_common(self) -> tuple[list[str], list[str]]:
        same = {factor: self._word(factor, self.stack.factors[factor]) for factor in FACTORS if self._is_same(factor)}
        place = [same.get("framework", ""), f"on {same['server']}" if "server" in same else ""]
        told = self.factor not in ("handlers", "model")
        return place, [word for factor, word in same.items() if told and factor not in _PLACE]

    @property
    def names(self) -> str:
        return f"{self.stack.name} against {self.reference.name}"

    @property
    def forced(self) -> str:
        """Return what else differs, because a stack cannot have the equal budget's value; empty where nothing does."""
        found = {
            f"{stack.name} has {name}={'none' if exempt.value is None else exempt.value}"
            for stack, other in ((self.stack, self.reference), (self.reference, self.stack))
            for name, exempt in stack.exceptions.items()
            if other.exceptions.get(name) != exempt
        }
        return "; ".join(sorted(found))

    def sentence(self, row: Comparison) -> str:
        """Return what the factor changed in one scenario, with the interval."""
        colon = ":" if self.factor in (*SETTINGS, PYTHON) else ""
        return f"{self.factor}{colon} {self.change}, {self.shared}, {row.scenario} at {words.load(row.load)}: {self.told(row)}."

    def told(self, row: Comparison) -> str:
        """Return the ratio with its interval and what follows; and what else than the server's CPU limited a throughput."""
        names = (self.stack.name, self.reference.name) if row.metric == "rps" else ()
        limits = words.not_by_cpu({name: self.bounds.get((row.scenario, row.load, name), "") for name in names})
        return f"{words.told(row)}; not bound by the server's CPU: {limits}" if limits else words.told(row)

    def _value(self, stack: Stack, other: Stack) -> str:
        """Return what a stack has of the factor, with what only its server leaves a choice of."""
        own = [value for factor, value in stack.factors.items() if factor in FACTORS and factor not in other.factors]
        return self._word(self.factor, stack.factors[self.factor]) + (f" with {words.listed(own)}" if own else "")

    def _word(self, factor: str, value: str) -> str:
        return _WORDS.get((factor, value), value)

    def _is_same(self, factor: str) -> bool:
        return factor in self.stack.factors and self.stack.factors[factor] == self.reference.factors.get(factor)


def contrasts(view: View) -> list[Contrast]:
    """Return the contrasts of a run, ordered by factor; what a CPU quota kept from running is in none."""
    found: dict[tuple[str, str], list[Comparison]] = {}
    bounds: dict[tuple[str, str, str], str] = {}
    for section in view.sections:
        bounds |= {(line.cell.scenario, line.cell.load, line.cell.stack): line.cell.bound_by for line in section.lines}
        throttled = {line.cell.stack for line in section.lines if line.cell.bound_by == QUOTA}
        for row in section.comparisons:
            if row.is_contrast and row.metric == section.metric and not throttled & {row.stack, row.baseline}:
                found.setdefault((row.stack, row.baseline), []).append(row)
    stacks = {stack.name: stack for stack in view.run.stacks}
    made = [_contrast(stacks[stack], stacks[baseline], rows, bounds) for (stack, baseline), rows in found.items()]
    return sorted(made, key=lambda contrast: _ORDER.index(contrast.factor))


def _contrast(
    stack: Stack, baseline: Stack, rows: Sequence[Comparison], bounds: Mapping[tuple[str, str, str], str]
) -> Contrast:
    asked, reference = instead_of(stack, baseline)
    directed = rows if asked is stack else [row.inverse for row in rows]
    return Contrast(rows[0].factors[0], asked, reference, tuple(directed), bounds)


def several(view: View) -> Iterator[str]:
    """Yield in which factors stacks differ from the baseline, where in more than one; those of one kind together."""
    differing = differences(view.run.stacks, view.run.baseline)
    kinds: dict[tuple[str, ...], list[str]] = {}
    for (stack, reference), factors in differing.items():
        if reference == view.run.baseline and len(factors) > 1:
            kinds.setdefault(factors, []).append(stack)
    if kinds:
        yield f"Differing from {view.run.baseline} in several factors, none of which is credited with the ratio:"
        yield "; ".join(f"{words.listed(stacks)} in {words.listed(factors)}" for factors, stacks in kinds.items()) + "."
