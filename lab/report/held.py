"""Whether the findings of a run hold in another one: its differences between stacks, and its verdicts on statements."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lab.analysis.comparison.rows import Comparison
from lab.report import page, words
from lab.report.section import headline
from lab.report.view import View

Status = Literal["held", "not decided", "gone", "reversed", "not measured"]
_SAID: dict[Status, str] = {
    "held": "held",
    "not decided": "went the same way without being decided, or were not decided",
    "gone": "came out equal",
    "reversed": "came out the other way round",
    "not measured": "were not measured",
}
TITLE = "Do the findings hold?"
CONTRADICTED: tuple[Status, ...] = ("gone", "reversed")


@dataclass(frozen=True)
class Held:
    """A difference that a run found, and what became of it in the other one."""

    finding: Comparison
    again: Comparison | None

    @property
    def status(self) -> Status:
        if self.again is None:
            return "not measured"
        same_way = (self.again.ratio > 1) == (self.finding.ratio > 1)
        match self.again.verdict:
            case "different":
                return "held" if same_way else "reversed"
            case "equivalent":
                return "gone"
            case _:
                return "not decided"


def held(first: View, second: View) -> list[Held]:
    """Return every difference between two stacks that the first run found, in the metric that decides under its load."""
    again = {(row.scenario, row.load, row.stack, row.baseline, row.metric): row for row in second.comparisons}
    return [
        Held(row, again.get((row.scenario, row.load, row.stack, row.baseline, row.metric)))
        for row in first.comparisons
        if row.verdict == "different" and row.metric == headline(row.load) and not row.is_aa
    ]


def sentences(first: View, second: View) -> Iterator[page.Item]:
    """Yield how many findings held, each that was contradicted, and the statements with another verdict; the judgement first."""
    found, statements = held(first, second), list(_statements(first, second))
    contradicted = [one for one in found if one.status in CONTRADICTED]
    flipped = [text for text, is_contradiction in statements if is_contradiction]
    counts = [
        f"{sum(one.status == status for one in found)} {said}"
        for status, said in _SAID.items()
        if any(one.status == status for one in found)
    ]
    if not found and not statements:
        yield page.Item("The first run found no difference, so there is no finding to confirm.")
        return
    judged = "The findings did not all hold" if contradicted or flipped else "The findings held"
    yield page.Item(
        f"{', '.join(counts) or 'no difference between stacks was found'}.",
        f"{judged}: of {len(found)} differences between stacks",
    )
    for one in contradicted:
        row, again = one.finding, one.again
        beside = f"{words.ratio(again)}" if again else words.NOTHING
        yield page.Item(
            f"{row.stack} over {row.baseline}, {row.scenario} at {words.load(row.load)}: {words.ratio(row)}, then {beside}.",
            one.status,
        )
    yield from (page.Item(text, "another verdict") for text, _ in statements)


def contradictions(first: View, second: View) -> int:
    """Return how many findings the second run contradicts."""
    flipped = sum(is_contradiction for _, is_contradiction in _statements(first, second))
    return sum(one.status in CONTRADICTED for one in held(first, second)) + flipped


def _statements(first: View, second: View) -> Iterator[tuple[str, bool]]:
    """Yield the statements with another verdict, and whether one verdict contradicts the other."""
    verdicts = {one.experiment.id: one.verdict for one in second.answers}
    for one in first.answers:
        again = verdicts.get(one.experiment.id, "not_measured")
        if one.verdict != "not_measured" and again != one.verdict:
            contradicts = {one.verdict, again} == {"supported", "refuted"}
            yield f"{one.experiment.id}: {one.verdict}, then {again.replace('_', ' ')}.", contradicts
