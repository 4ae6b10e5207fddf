"""The short answer: what one scenario says of all stacks, in one phrase per kind of verdict."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from lab.model.cell import Cell
from lab.report import words
from lab.report.page import Phrase, Text
from lab.report.section import NOT_SUPPORTED, Chapter, Section

_KINDS = ("faster", "shorter p99", "slower", "longer p99", "throttled", "equal within", "inconclusive", "no claim", "no comparison",
          "failed", "invalid", "not measured", NOT_SUPPORTED)  # fmt: skip
"""How labels begin, in the order in which they are shown."""


def phrases(section: Section, compared: Sequence[str]) -> list[Phrase]:
    """Return the verdicts on all compared stacks, kind by kind; inside a kind as the scenario's table ranks them."""
    ranked = [line.cell.stack for line in section.lines if line.cell.stack in compared]
    named = [*ranked, *(name for name in compared if name not in ranked)]
    answers = sorted(((section.answer(stack), stack) for stack in named), key=lambda item: _rank(item[0]))
    groups = groupby(answers, key=lambda item: (item[0].text, item[0].tone))
    return [Phrase(*said, tuple(_told(section, stack) for _, stack in group)) for said, group in groups]


def of_chapter(chapter: Chapter, compared: Sequence[str]) -> list[Phrase]:
    """Return the verdicts of all its sections; at a share of capacity each says which."""
    return [
        replace(phrase, label=f"at {section.share} %, {phrase.label}" if section.share else phrase.label)
        for section in chapter.sections
        for phrase in phrases(section, compared)
    ]


def _told(section: Section, stack: str) -> str:
    """Return a stack with its ratio and, under open load, its latency, which does not follow from throughput there."""
    line = next((line for line in section.lines if line.cell.stack == stack), None)
    latency = _open_latency(line.cell) if line and section.is_open else ""
    return " ".join(filter(None, [stack, latency, section.answer(stack).small])).rstrip(",")


def _open_latency(cell: Cell) -> str:
    known = [f"{name} {words.number(ms)}" for name in ("p50", "p99") if (ms := cell.amount(f"{name}_ms")) is not None]
    return f"{', '.join(known)} ms," if known else ""


def _rank(answer: Text) -> int:
    return next(rank for rank, kind in enumerate(_KINDS) if answer.text.startswith(kind))


def baselines(chapter: Chapter) -> str:
    """Return what the baseline itself did under the chapter's loads; empty where it has no numbers."""
    known = ((section.share, found) for section in chapter.sections if (found := baseline(section)))
    return "; ".join(f"at {share} % {found}" if share else found for share, found in known)


def baseline(section: Section) -> str:
    """Return what the baseline itself did, in the headline metric; empty where it has no numbers."""
    line = next((line for line in section.lines if line.base is line.cell), None)
    if line is None:
        return ""
    if section.is_open:
        return _open_latency(line.cell).rstrip(",")
    return f"{words.number(line.cell.rps.mean)} requests/s" if line.cell.rps else ""


def noted(chapter: Chapter) -> str:
    """Say which stacks have notes that a reader must know before quoting their figures; empty where none has."""
    stacks = dict.fromkeys(line.cell.stack for section in chapter.sections for line in section.lines if line.cell.notes)
    return f"See the notes on {', '.join(stacks)}." if stacks else ""


def not_by_cpu(chapter: Chapter) -> str:
    """Say which stacks were bound by something else than the server's CPU; empty where none was, and of shares of capacity."""
    if chapter.is_of_shares:  # what is not full is the point of them
        return ""
    (section,) = chapter.sections
    return words.not_by_cpu({line.cell.stack: line.cell.bound_by for line in section.lines})
