"""What a report says of one scenario under one load."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.analysis.columns import Cost
from lab.analysis.comparison.rows import Comparison
from lab.analysis.validity.bounds import MEANING, QUOTA
from lab.model.cell import Cell
from lab.model.loads import Family, Load
from lab.model.outcome import Role
from lab.model.workload import Scenario
from lab.report import words
from lab.report.page import About, Text, slug

NOT_SUPPORTED = "not supported"
By = Literal["share", "users", ""]
"""What tells the sections of a chapter apart; nothing where it has only one."""
SWEEP = 3
"""So many closed loads of a scenario, which differ in their users alone, are shown together."""


def headline(load: str) -> str:
    """Return the metric that decides: throughput where users push, the 99th percentile where the rate is given."""
    return "p99_ms" if load.startswith("open:") else "rps"


def tone(row: Comparison) -> str:
    """Return better, worse or, without a difference, nothing."""
    if row.verdict != "different":
        return ""
    return "better" if (row.ratio > 1) == (row.metric == "rps") else "worse"


@dataclass(frozen=True)
class Line:
    """One stack in a scenario's table; `against` is its headline comparison with the baseline."""

    cell: Cell
    against: Comparison | None
    base: Cell | None
    costs: Mapping[Role, Cost]
    """What each role used; empty where that is not known."""

    @property
    def answer(self) -> Text:
        """Return the verdict on the stack in this scenario, with its ratio; the tone is better, worse or empty."""
        if self.base is self.cell:
            return Text("baseline" if self.cell.valid else f"baseline, {self.cell.outcome}")
        if self.cell.outcome != "valid":
            return Text(self.cell.outcome)
        if self.against is None:
            return Text(f"no comparison, {self._why_not_compared}")
        if self.throttled:
            return Text(self.throttled, words.detail(self.against))
        return Text(words.label(self.against), words.detail(self.against), tone(self.against), self.against.ratio)

    @property
    def throttled(self) -> str:
        """Say whose quota was measured instead of the stack, which is then neither slow nor fast; empty where none was."""
        if self.cell.bound_by == QUOTA:
            return "throttled"
        return "no comparison, the baseline was throttled" if self.base and self.base.bound_by == QUOTA else ""

    @property
    def _why_not_compared(self) -> str:
        if self.base is None:
            return "the baseline does not support this"
        return "the baseline is not valid" if self.base.outcome != "valid" else "too few requests for a p99"


@dataclass(frozen=True)
class Section:
    """One scenario under one load."""

    scenario: Scenario
    load: str
    lines: tuple[Line, ...]
    not_supported: Mapping[str, str]
    """Stack -> why it does not support this."""
    comparisons: tuple[Comparison, ...]
    aa: tuple[Comparison, ...]
    metric: str
    warmup_s: float

    @property
    def title(self) -> str:
        return f"{self.scenario.id}, {self.load_words}"

    @property
    def load_words(self) -> str:
        return words.load(self.load)

    @property
    def slug(self) -> str:
        return slug(f"{self.scenario.id} {self.load}")

    @property
    def sentences(self) -> list[tuple[str, About]]:
        """Return every comparison as a sentence, those of the headline metric first; the A/A arm's headline is a remark."""
        rows = sorted(self.comparisons, key=lambda row: row.metric != self.metric)
        aa = [row for row in self.aa if row.metric != self.metric]
        return [
            *((self._sentence(row), _about(row)) for row in rows),
            *((f"A/A, {words.sentence(row)}", _about(row)) for row in aa),
        ]

    def _sentence(self, row: Comparison) -> str:
        throttled = {line.cell.stack for line in self.lines if line.cell.bound_by == QUOTA}
        return words.of_a_quota(row) if throttled & {row.stack, row.baseline} else words.sentence(row)

    def reservation(self, cell: Cell) -> str:
        """Return what stands beside a stack's name: that it is not valid, or how many blocks it has where others have more."""
        if not cell.valid:
            return f"({cell.outcome})"
        most = max(line.cell.blocks for line in self.lines)
        return "" if cell.blocks == most else f"({cell.blocks} of {most} blocks)"

    @property
    def is_open(self) -> bool:
        """Return whether the rate was given."""
        return self.load.startswith("open:")

    @property
    def offered(self) -> Load:
        """Return the load."""
        return Load.model_validate(self.load)

    @property
    def costly(self) -> tuple[Line, ...]:
        """Return the lines with known costs."""
        return tuple(line for line in self.lines if line.costs)

    @property
    def streams(self) -> tuple[Line, ...]:
        """Return the lines that have times of events, the quickest first event first."""
        known = (line for line in self.lines if line.cell.amount("first_event_p50_ms") is not None)
        return tuple(sorted(known, key=lambda line: line.cell.amount("first_event_p50_ms") or 0))

    @property
    def stream_note(self) -> str:
        """Say what the times of events are compared with."""
        ms = self.scenario.params.get("ms")
        return (
            f"Upstream waits {ms} ms before each event: a stack that adds nothing has its first event after {ms} ms and "
            f"gaps of {ms} ms. Held at once: mean number of open streams, from how long each was open, the wait for its "
            "first event included: where that is long, streams were queueing."
        )

    def added_ms(self, event_ms: float | None) -> float | None:
        """Return how much longer than upstream's own wait a time of events is."""
        ms = self.scenario.params.get("ms")
        return event_ms - ms if event_ms is not None and isinstance(ms, int) else None

    @property
    def late(self) -> list[str]:
        """Say which stacks needed longer than the warm-up until they had served every user once, and which had not."""
        served = {line.cell.stack: line.cell.amount("all_served_s") for line in self.lines if line.cell.valid}
        known = any(after_s is not None for after_s in served.values())
        return [
            f"{stack}: it took {words.number(after_s, 2)} s until each of the {words.users(self.offered)} had been answered once; the "
            "window began after that."
            if after_s is not None
            else f"{stack}: in some block the window began before each of the {words.users(self.offered)} had been answered once."
            for stack, after_s in served.items()
            if (known if after_s is None else after_s > self.warmup_s)
        ]

    @property
    def warning_bounds(self) -> dict[str, str]:
        """Return bound -> what it means, of those that occur and are not what one wants to measure."""
        found = {line.cell.bound_by for line in self.lines}
        return {bound: meaning for bound, meaning in MEANING.items() if bound in found and bound != "server CPU"}


def _about(row: Comparison) -> About:
    return About((row.stack, row.baseline), (), (row.load,), (row.metric,))


@dataclass(frozen=True)
class Chapter:
    """What a report shows under one heading: a scenario under one load, at its shares of capacity, or with more and more users."""

    sections: tuple[Section, ...]
    by: By = ""

    @property
    def scenario(self) -> Scenario:
        return self.sections[0].scenario

    @property
    def load_words(self) -> str:
        loads = [section.offered for section in self.sections]
        match self.by:
            case "share":
                amounts = words.listed([str(load.amount) for load in loads])
                return words.modified(f"{amounts} % of each stack's own capacity offered", loads[0])
            case "users":
                return words.modified(f"{loads[0].amount:,} to {words.users(loads[-1])}", loads[0])
            case _:
                return self.sections[0].load_words

    def at(self, section: Section) -> str:
        """Return what tells a section from the others of the chapter: `at 50 %`, `at 64 users`; empty of one load."""
        load = section.offered
        match self.by:
            case "share":
                return f"at {load.amount} %"
            case "users":
                return f"at {words.users(load)}"
            case _:
                return ""

    @property
    def title(self) -> str:
        return f"{self.scenario.id}, {self.load_words}"

    @property
    def slug(self) -> str:
        names = {"share": "open shares", "users": "closed sweep"}
        if not self.by:
            return self.sections[0].slug
        return slug(f"{self.scenario.id} {names[self.by]}{self.sections[0].offered.modifiers}")


def chapters(sections: Sequence[Section]) -> list[Chapter]:
    """Return the sections as they are shown.

    A scenario's shares stand together where its first one is, the lowest first, and so do its closed loads where there are
    three of them or more.
    """
    found: dict[tuple[str, str, By], list[Section]] = {}
    amounts = Counter(_question(section) for section in sections)
    for section in sections:
        by = _by(section.offered.family, amounts[_question(section)])
        loads = section.offered.question if by else section.load
        found.setdefault((section.scenario.id, loads, by), []).append(section)
    return [Chapter(tuple(sorted(some, key=lambda one: one.offered.amount)), by) for (_, _, by), some in found.items()]


def _question(section: Section) -> tuple[str, str]:
    return section.scenario.id, section.offered.question


def _by(family: Family, amounts: int) -> By:
    if family == "share":
        return "share"
    return "users" if family == "closed" and amounts >= SWEEP else ""
