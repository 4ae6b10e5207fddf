"""What a report says of one scenario: charts, its numbers with verdicts, what else it took, and what must be known beside them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from lab.analysis import columns
from lab.model.cell import Cell, Figure, Value
from lab.model.loads import Load
from lab.model.outcome import Role
from lab.report import details, page, words
from lab.report.charts import bars, bends, curves
from lab.report.charts.drawing import Chart
from lab.report.section import NOT_SUPPORTED, Chapter, Line, Section
from lab.report.view import View

T = TypeVar("T")
Shown = Mapping[page.Head, Callable[[T], page.Text]]
"""Columns of a table, each with what a row has there."""
Filled = tuple[tuple[page.Head, ...], tuple[page.Row, ...]]
AMOUNTS = {"share": page.Head("share", "of its own capacity"), "users": page.Head("users")}
MOST_SENTENCES = 60
A_SWEEP = "Where throughput no longer rises with the users, more of them only wait longer. In the picture a hollow mark is a failed cell."


def section(chapter: Chapter, view: View) -> page.Section:
    """Return what the report says of a chapter."""
    loads = tuple(one.load for one in chapter.sections)
    about = page.About((), (chapter.scenario.id,), loads)
    return page.Section(chapter.scenario.id, tuple(_blocks(chapter, view)), chapter.load_words, chapter.slug, about)


def _blocks(chapter: Chapter, view: View) -> Iterator[page.Block]:
    run = view.run
    if drawn := tuple(_charts(chapter, run.baseline)):
        yield page.Picture(drawn)
    if chapter.by == "share":
        yield page.Paragraph(_what_a_share_is(run.profile.capacity_of(chapter.sections[0].offered)), "soft")
    if chapter.by == "users":
        yield page.Paragraph(A_SWEEP, "soft")
    yield _numbers(chapter, run.baseline)
    if rows := _rows(chapter, lambda section: section.costly):
        table = page.Table(f"What else {chapter.title} took", *_of_rows(_costs(), chapter, rows), "narrow")
        yield page.Details("What else it took, median over blocks: server, generator, database, upstream", (table,))
    if rows := _rows(chapter, lambda section: section.streams):
        yield page.Paragraph("Time to the first event, gaps between events:")
        shown = {**_figures("streams"), **_added(chapter.sections[0])}
        yield page.Table(f"Events of {chapter.title}", *_of_rows(shown, chapter, rows), "narrow")
        yield page.Paragraph(chapter.sections[0].stream_note, "soft")
    if items := tuple(_remarks(chapter)):
        yield page.Bullets(items)
    if sentences := tuple(_sentences(chapter)):
        summary = f"Every comparison as a sentence: {', '.join(words.METRICS.values())}"
        yield page.Details(summary, (page.Bullets(sentences),))
    for summary, found in _curves(chapter, view).items():
        if found:
            yield page.Details(summary, (page.Picture(tuple(found), still=False),))


def _sentences(chapter: Chapter) -> Iterator[page.Item]:
    """Yield every comparison as a sentence; of very many, the first."""
    told = [(text, chapter.at(one), about) for one in chapter.sections for text, about in one.sentences]
    yield from (page.Item(text, at, about=about) for text, at, about in told[:MOST_SENTENCES])
    if len(told) > MOST_SENTENCES:
        yield page.Item(f"{len(told) - MOST_SENTENCES} more are in comparisons.csv.", style="soft")


def _charts(chapter: Chapter, baseline: str) -> Iterator[Chart]:
    cells = [line.cell for section in chapter.sections for line in section.lines]
    match chapter.by:
        case "share":
            yield from bends.of_shares(chapter.slug, chapter.title, cells)
        case "users":
            yield from bends.of_sweep(chapter.slug, chapter.title, cells)
        case _:
            yield from bars.of_cells(chapter.slug, chapter.title, cells, baseline)


def _curves(chapter: Chapter, view: View) -> dict[str, list[Chart]]:
    """Return the charts that are drawn when a reader asks for them, by what they show."""
    percentiles = (
        curves.of_percentiles(f"{one.slug}-percentiles", one.title, details.percentiles(view, one))
        for one in chapter.sections
    )
    seconds = (
        curves.of_seconds(f"{one.slug}-seconds", one.title, details.seconds(view, one)) for one in chapter.sections
    )
    return {
        "Latency at every percentile": [one for one in percentiles if one],
        "Second by second, with marks where something happened": [one for one in seconds if one],
    }


def _what_a_share_is(load: Load | None) -> str:
    return (
        f"Each stack was offered a share of what it did itself in the same block under {load}, so each has a rate of its own; "
        "the table has the median over blocks. It varies with that throughput from block to block. Where that was not bound by "
        "the stack, the stack can do more than this 100 %. In the picture a hollow mark is a failed cell."
    )


def _rows(chapter: Chapter, lines: Callable[[Section], Iterable[Line]]) -> list[tuple[Section, Line]]:
    """Return the lines of all its sections: as these have them or, where there are several, those of each stack together."""
    rows = [(section, line) for section in chapter.sections for line in lines(section)]
    if not chapter.by:
        return rows
    stacks = list(dict.fromkeys(line.cell.stack for _, line in rows))
    return sorted(rows, key=lambda row: stacks.index(row[1].cell.stack))


def filled(shown: Shown[T], rows: Sequence[T], names: Iterable[str | page.Text]) -> Filled:
    """Return a table's heads and rows, without the columns that no row has anything for."""
    filled = {head: show for head, show in shown.items() if any(show(one).text != words.NOTHING for one in rows)}
    cells = (page.row(name, *(show(one) for show in filled.values())) for name, one in zip(names, rows, strict=True))
    return (page.STACK, *filled), tuple(cells)


def _of_rows(shown: Shown[Line], chapter: Chapter, found: Sequence[tuple[Section, Line]]) -> Filled:
    if chapter.by:
        unit = " %" if chapter.by == "share" else ""
        amounts = {line.cell.load: f"{section.offered.amount:,}{unit}" for section, line in found}
        shown = {AMOUNTS[chapter.by]: lambda line: page.Text(amounts[line.cell.load]), **shown}
    names = (page.Text(line.cell.stack, section.reservation(line.cell)) for section, line in found)
    lines = [line for _, line in found]
    heads, rows = filled(shown, lines, names)
    return heads, tuple(
        replace(one, outcome=line.cell.outcome, about=_about(line.cell)) for one, line in zip(rows, lines, strict=True)
    )


def _about(cell: Cell) -> page.About:
    return page.About((cell.stack,), (), (cell.load,))


def _numbers(chapter: Chapter, baseline: str) -> page.Table:
    """Return the main table; stacks without numbers have their outcome instead, and their reason among the remarks."""
    section = chapter.sections[0]
    first, *rest = _figures("numbers").items()
    firsts = _figures("shares") if chapter.by == "share" else dict([first])
    against = page.Head(f"against {baseline}", words.METRICS[section.metric], numeric=False), lambda line: line.answer
    bound = page.Head("bound by", numeric=False), lambda line: page.Text(line.cell.bound_by or words.NOTHING)
    known = _rows(chapter, lambda section: (line for line in section.lines if line.cell.rps is not None))
    heads, rows = _of_rows(dict([*firsts.items(), against, *rest, bound]), chapter, known)
    without = _rows(chapter, lambda section: (line for line in section.lines if line.cell.rps is None))
    others = [
        page.row(
            line.cell.stack,
            f"{line.cell.outcome} {chapter.at(one)}".strip(),
            outcome=line.cell.outcome,
            about=_about(line.cell),
        )
        for one, line in without
    ]
    others += [
        page.row(stack, NOT_SUPPORTED, outcome="unsupported", about=page.About((stack,)))
        for stack in section.not_supported
    ]
    shown = heads if known else (page.STACK, page.Head("outcome", numeric=False))
    return page.Table(f"Numbers of {chapter.title}", shown, (*rows, *others))


def _figures(table: str) -> Shown[Line]:
    return {_head(column): _figure_of(column) for column in columns.COLUMNS if column.table == table}


def _head(column: columns.Column) -> page.Head:
    return page.Head(column.title, column.unit, column.meaning)


def _figure_of(column: columns.Column) -> Callable[[Line], page.Text]:
    return lambda line: _text(line.cell.figures[column.name], column.digits, column.is_share)


def _text(figure: Figure, digits: int, is_share: bool = False) -> page.Text:
    if isinstance(figure, Value):
        return page.Text(words.number(figure.mean, digits), words.bracketed(figure), value=figure.mean)
    return page.Text(words.percent(figure) if is_share else words.number(figure, digits), value=figure)


def _costs() -> Shown[Line]:
    """Return what each role used, then what else the cells have."""

    def used(role: Role, column: columns.CostColumn) -> Callable[[Line], page.Text]:
        return lambda line: _text(line.costs[role].figures[column.name], column.digits)

    by_role = {
        page.Head(column.title, f"{column.unit} ({role})".strip(), column.meaning): used(role, column)
        for role in columns.ROLES
        for column in columns.COSTS
        if role in column.roles
    }
    return {**by_role, **_figures("costs")}


def _added(section: Section) -> Shown[Line]:
    head = page.Head("added to a gap, p99", "ms", "how much longer than upstream's own wait the p99 of the gaps is")
    return {head: lambda line: _text(section.added_ms(line.cell.amount("event_gap_p99_ms")), 3)}


def _remarks(chapter: Chapter) -> Iterator[page.Item]:
    """Yield what must be said beside the table: reasons, notes, the A/A arm, what the bounds mean."""
    cells = [(line.cell, chapter.at(section)) for section in chapter.sections for line in section.lines]
    for one, at in cells:
        if one.reason:
            yield page.Item(
                words.clipped(one.reason),
                " ".join(filter(None, [one.stack, one.outcome, at])),
                about=page.About((one.stack,)),
            )
    yield from (
        page.Item(note, f"{one.stack} {at}".strip(), about=page.About((one.stack,)))
        for one, at in cells
        for note in one.notes
    )
    for stack, reason in chapter.sections[0].not_supported.items():
        yield page.Item(f"{reason}.", f"{stack} {NOT_SUPPORTED}", about=page.About((stack,)))
    for section in chapter.sections:
        found = (row for row in section.aa if row.metric == section.metric)
        yield from (page.Item(words.sentence(row), f"A/A {chapter.at(section)}".strip()) for row in found)
    yield from (page.Item(sentence, style="soft") for section in chapter.sections for sentence in section.late)
    bounds = dict(item for section in chapter.sections for item in section.warning_bounds.items())
    for bound, meaning in bounds.items():
        yield page.Item(f"{meaning}.", f"Bound by {bound}", "soft")
