"""The last lines of a run on the terminal: its answer, in the words of the report's first table."""

from collections.abc import Iterator, Sequence

from lab.report import by_factor, caveats, precision, short, statements, words
from lab.report.by_factor import Contrast
from lab.report.section import Chapter
from lab.report.view import View


def lines(view: View) -> Iterator[str]:
    """Yield the verdicts on statements, the contrasts, the ratios of each scenario, the minimum detectable differences, the warnings.

    Where a run has no matrix, statements or the map are the whole answer.
    """
    yield from statements.lines(view.answers)
    if not view.run.profile.is_matrix:
        yield from caveats.warnings(view)
        return
    if found := by_factor.contrasts(view):
        yield from _contrasts(found)
    if view.compared:
        yield f"Against {view.run.baseline}, by the ratio inside each block, with its interval:"
        for chapter in view.chapters:
            yield from _chapter(view, chapter)
    yield from precision.detectable(view.sections, headlines=True)
    yield from caveats.warnings(view)


def _contrasts(found: Sequence[Contrast]) -> Iterator[str]:
    yield "What one factor changes, by the ratio inside each block, with its interval:"
    many = sum(len(one.rows) for one in found) > by_factor.MOST
    for one in found:
        shown = [row for row in one.rows if row.verdict == "different" or not many]
        yield f"{one.factor}: {one.change}, {one.shared} ({one.names})"
        yield from (f"  {row.scenario} at {words.load(row.load)}: {one.told(row)}" for row in shown)
        if rest := [row.scenario for row in one.rows if row not in shown]:
            yield f"  {words.listed(rest)}: equal or inconclusive"


def _chapter(view: View, chapter: Chapter) -> Iterator[str]:
    base = short.baselines(chapter)
    yield f"{chapter.title}{f' (baseline: {base})' if base else ''}"
    for phrase in short.of_chapter(chapter, view.compared_in(chapter)):
        yield from (f"  {phrase.label}: {stack}" for stack in phrase.stacks)
    if bounds := short.not_by_cpu(chapter):
        yield f"  Not bound by the server's CPU: {bounds}."
    for cell in (line.cell for section in chapter.sections for line in section.lines if line.cell.rps):
        yield from (f"  {cell.stack}{f' {cell.load}' if chapter.by else ''}: {note}" for note in cell.notes)
