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
    """Return the verdicts of all its sections; of several, each says which."""
    return [
        replace(phrase, label=", ".join(filter(None, [chapter.at(section), phrase.label])))
        for section in chapter.sections
        for phrase in phrases(section, compared)
    ]


def _told(section: Section, stack: str) -> str:
    """Return a stack with its ratio, and with what does not follow from its throughput."""
    line = next((line for line in section.lines if line.cell.stack == stack), None)
    beside = _beside_throughput(section, line.cell) if line else ""
    return " ".join(filter(None, [stack, beside, section.answer(stack).small])).rstrip(",")


def _beside_throughput(section: Section, cell: Cell) -> str:
    """Return the latency under open load, and how many requests of users that think are in flight."""
    if (in_flight := cell.amount("in_flight")) is not None:
        return f"{words.number(in_flight)} in flight,"
    return _open_latency(cell) if section.is_open else ""


def _open_latency(cell: Cell) -> str:
    known = [f"{name} {words.number(ms)}" for name in ("p50", "p99") if (ms := cell.amount(f"{name}_ms")) is not None]
    return f"{', '.join(known)} ms," if known else ""


def _rank(answer: Text) -> int:
    return next(rank for rank, kind in enumerate(_KINDS) if answer.text.startswith(kind))


def baselines(chapter: Chapter) -> str:
    """Return what the baseline itself did under the chapter's loads; empty where it has no numbers."""
    known = ((chapter.at(section), found) for section in chapter.sections if (found := baseline(section)))
    return "; ".join(" ".join(filter(None, said)) for said in known)


def baseline(section: Section) -> str:
    """Return what the baseline itself did, in the headline metric; empty where it has no numbers."""
    line = next((line for line in section.lines if line.base is line.cell), None)
    if line is None:
        return ""
    rps = f"{words.number(line.cell.rps.mean)} requests/s," if line.cell.rps and not section.is_open else ""
    return " ".join(filter(None, [rps, _beside_throughput(section, line.cell)])).rstrip(",")


def noted(chapter: Chapter) -> str:
    """Say which stacks have notes that a reader must know before quoting their figures; empty where none has."""
    stacks = dict.fromkeys(line.cell.stack for section in chapter.sections for line in section.lines if line.cell.notes)
    return f"See the notes on {', '.join(stacks)}." if stacks else ""


def not_by_cpu(chapter: Chapter) -> str:
    """Say which stacks were bound by something else than the server's CPU; empty where none was, and of several loads."""
    if chapter.by:  # what is not full is the point of them
        return ""
    (section,) = chapter.sections
    return words.not_by_cpu({line.cell.stack: line.cell.bound_by for line in section.lines})
