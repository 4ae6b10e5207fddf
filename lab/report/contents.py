"""The contents of a report, in the order in which a reader wants them; each part is written here once for all formats."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from lab.analysis import columns
from lab.analysis.costs import ROLES
from lab.analysis.summary import Judged
from lab.model.cell import Figure, Value
from lab.model.outcome import Role
from lab.report import settings_table, short, start, words
from lab.report.page import (
    Block,
    Bullets,
    Code,
    Details,
    Entry,
    Head,
    Item,
    Page,
    Paragraph,
    Picture,
    Row,
    Section,
    ShortAnswer,
    Table,
    Text,
    row,
)
from lab.report.section import NOT_SUPPORTED, Line
from lab.report.section import Section as Measured
from lab.report.view import View, log_tail

T = TypeVar("T")
Shown = Mapping[Head, Callable[[T], Text]]
"""Columns of a table, each with what a row has there."""
STACK = Head("stack", numeric=False)


def page(view: View, drawn: Collection[str]) -> Page:
    """Return the whole report; `drawn` are the slugs of the sections that have a picture."""
    profile = view.run.profile
    intro = Paragraph(f"Profile {profile.name}: {profile.about}. {view.setup}")
    warnings = (Paragraph(warning, "warning") for warning in view.warnings)
    return Page(view.run.name, view.title, (intro, *warnings), tuple(_sections(view, drawn)))


def _sections(view: View, drawn: Collection[str]) -> Iterator[Section]:
    yield Section("The short answer", tuple(_short_answer(view)))
    for one in view.sections:
        blocks = tuple(_scenario(one, view.run.baseline, one.slug in drawn))
        yield Section(one.scenario.id, blocks, one.load_words, one.slug)
    if view.starts:
        heads, rows = _filled(start.COLUMNS, view.starts, [one.stack for one in view.starts])
        table = Table("What it takes to start", heads, rows, "narrow")
        yield Section("What it takes to start", (table, Paragraph(view.start_note, "soft")))
    yield Section("How to read this", tuple(_how_to_read(view)))
    yield Section("How to reproduce this run", (Code((view.command,)),))
    for title, facts in view.fact_tables.items():
        heads = (Head("fact", numeric=False), Head("value", numeric=False))
        yield Section(title, (Table(title, heads, tuple(row(*fact) for fact in facts.items()), "facts"),))
    if view.settings:
        yield Section("Settings", tuple(_settings(view)))
    if view.not_valid:
        yield Section("Trials that are not valid", tuple(_not_valid(view)))


def _short_answer(view: View) -> Iterator[Block]:
    against = f"Each stack against {view.run.baseline}, by the ratio inside each block, with its interval."
    yield Paragraph(" ".join([against, *view.resolution]))
    if precision := view.precision:
        yield Details(precision[0], tuple(map(Paragraph, precision[1:])))
    yield ShortAnswer(view.run.baseline, tuple(_entry(view, section) for section in view.sections))


def _entry(view: View, section: Measured) -> Entry:
    base, bounds = short.baseline(section), short.not_by_cpu(section)
    beside = f"{section.load_words}{f', baseline {base}' if base else ''}"
    notes = (f"Not bound by the server's CPU: {bounds}." if bounds else "", short.noted(section))
    return Entry(section.scenario.id, section.slug, beside, tuple(view.phrases(section)), tuple(filter(None, notes)))


def _scenario(section: Measured, baseline: str, drawn: bool) -> Iterator[Block]:
    if drawn:
        yield Picture(section.slug, f"Throughput and latency of {section.title}")
    yield _numbers(section, baseline)
    if lines := section.costly:
        table = Table(f"What else {section.title} took", *_filled(_costs(section), lines, _stacks(lines)), "narrow")
        yield Details("What else it took, median over blocks: server, generator, database, upstream", (table,))
    if lines := section.streams:
        shown = {**_figures("streams"), **_added(section)}
        yield Table(f"Events of {section.title}", *_filled(shown, lines, _stacks(lines)), "narrow")
        yield Paragraph(section.stream_note, "soft")
    if items := tuple(_remarks(section)):
        yield Bullets(items)
    if sentences := section.sentences:
        summary = f"Every comparison as a sentence: {', '.join(words.METRICS.values())}"
        yield Details(summary, (Bullets(tuple(map(Item, sentences))),))


def _filled(
    shown: Shown[T], rows: Sequence[T], names: Sequence[str | Text]
) -> tuple[tuple[Head, ...], tuple[Row, ...]]:
    """Return a table's heads and rows, without the columns that no row has anything for."""
    filled = {head: show for head, show in shown.items() if any(show(one).text != words.NOTHING for one in rows)}
    cells = (row(name, *(show(one) for show in filled.values())) for name, one in zip(names, rows, strict=True))
    return (STACK, *filled), tuple(cells)


def _stacks(lines: Sequence[Line]) -> list[str]:
    return [line.cell.stack for line in lines]


def _numbers(section: Measured, baseline: str) -> Table:
    """Return the main table; stacks without numbers have their outcome instead, and their reason among the remarks."""
    first, *rest = _figures("numbers").items()
    against: Shown[Line] = {Head(f"against {baseline}", words.METRICS[section.metric], numeric=False): _against}
    bound: Shown[Line] = {Head("bound by", numeric=False): lambda line: Text(line.cell.bound_by or words.NOTHING)}
    known = [line for line in section.lines if line.cell.rps is not None]
    names = [Text(line.cell.stack, section.reservation(line.cell)) for line in known]
    heads, rows = _filled({**dict([first]), **against, **dict(rest), **bound}, known, names)
    measured = (replace(one, outcome=line.cell.outcome) for one, line in zip(rows, known, strict=True))
    without: dict[str, str] = {line.cell.stack: line.cell.outcome for line in section.lines if line.cell.rps is None}
    without |= dict.fromkeys(section.not_supported, NOT_SUPPORTED)
    return Table(
        f"Numbers of {section.title}",
        heads if known else (STACK, Head("outcome", numeric=False)),
        (*measured, *(row(stack, outcome, outcome=outcome) for stack, outcome in without.items())),
    )


def _figures(table: str) -> Shown[Line]:
    return {_head(column): _figure_of(column) for column in columns.COLUMNS if column.table == table}


def _head(column: columns.Column) -> Head:
    return Head(column.title, column.unit, column.meaning)


def _figure_of(column: columns.Column) -> Callable[[Line], Text]:
    return lambda line: _text(line.cell.figures[column.name], column.digits, column.is_share)


def _text(figure: Figure, digits: int, is_share: bool = False) -> Text:
    if isinstance(figure, Value):
        return Text(words.number(figure.mean, digits), words.bracketed(figure))
    return Text(words.percent(figure) if is_share else words.number(figure, digits))


def _against(line: Line) -> Text:
    return Text(line.answer.label, line.answer.detail, line.answer.tone)


def _costs(section: Measured) -> Shown[Line]:
    """Return what each role used, then what else the cells have."""

    def used(role: Role, column: columns.CostColumn) -> Callable[[Line], Text]:
        return lambda line: _text(section.costs[line.cell.stack, role].figures[column.name], column.digits)

    by_role = {
        Head(column.title, f"{column.unit} ({role})".strip(), column.meaning): used(role, column)
        for role in ROLES
        for column in columns.COSTS
        if role in column.roles
    }
    return {**by_role, **_figures("costs")}


def _added(section: Measured) -> Shown[Line]:
    head = Head("added to a gap, p99", "ms", "how much longer than upstream's own wait the p99 of the gaps is")
    return {head: lambda line: _text(section.added_ms(line.cell.amount("event_gap_p99_ms")), 3)}


def _remarks(section: Measured) -> Iterator[Item]:
    """Yield what must be said beside the table: reasons, notes, the A/A arm, what the bounds mean."""
    for cell in (line.cell for line in section.lines):
        if cell.reason:
            yield Item(words.clipped(cell.reason), f"{cell.stack} {cell.outcome}")
    for cell in (line.cell for line in section.lines):
        yield from (Item(note, cell.stack) for note in cell.notes)
    for stack, reason in section.not_supported.items():
        yield Item(f"{reason}.", f"{stack} {NOT_SUPPORTED}")
    yield from (Item(words.sentence(row_), "A/A") for row_ in section.aa if row_.metric == section.metric)
    yield from (Item(sentence, style="soft") for sentence in section.late)
    for bound, meaning in section.warning_bounds.items():
        yield Item(f"{meaning}.", f"Bound by {bound}", "soft")


def _how_to_read(view: View) -> Iterator[Block]:
    yield Bullets(tuple(map(Item, view.how_to_read)))
    known = [
        column
        for column in columns.COLUMNS
        if any(cell.figures.get(column.name) is not None for cell in view.findings.cells)
    ]
    shown = [(column.title, column.meaning) for column in known] + [
        (cost.title, cost.meaning) for cost in columns.COSTS
    ]
    yield Details(
        "What each column means", (Bullets(tuple(Item(f"{what}.", title) for title, what in shown if title)),)
    )
    yield Paragraph(
        "Arm, block, cell, slot, bound, window and the other terms are explained in the",
        link=("glossary", view.glossary),
    )


def _settings(view: View) -> Iterator[Block]:
    yield Paragraph(
        "Read from the running servers before the first block, except what is marked as asked for. "
        "Bold: differs from most stacks.",
        "soft",
    )
    heads = Head("setting", numeric=False), Head("value, and the stacks that have it", numeric=False)
    yield Table("Settings of each stack", heads, tuple(_setting(one, view.stack_names) for one in view.settings))
    if view.exceptions:
        yield Paragraph("Declared exceptions from the equal budget:")
        yield Bullets(tuple(map(Item, view.exceptions)))


def _setting(setting: settings_table.Row, stacks: Sequence[str]) -> Row:
    values = (Text(cell.text, f"({named})", "strong" if cell.odd else "") for cell, named in setting.by_value(stacks))
    return row(setting.title, tuple(values))


def _not_valid(view: View) -> Iterator[Block]:
    titles = {
        "stack": False,
        "scenario": False,
        "load": False,
        "block": True,
        "attempt": True,
        "outcome": False,
        "reason": False,
    }
    heads = tuple(Head(title, numeric=numeric) for title, numeric in titles.items())
    yield Table("Trials that are not valid", heads, tuple(map(_rejected, view.not_valid)))
    for judged in view.not_valid:
        if log := log_tail(judged.outcome):
            trial = judged.trial
            yield Details(f"The end of {trial.stack}'s log, block {trial.block}, {trial.scenario}", (Code(tuple(log)),))


def _rejected(judged: Judged) -> Row:
    trial, verdict = judged.trial, judged.verdict
    where = (trial.stack, trial.scenario, str(trial.load), str(trial.block), str(trial.attempt))
    return row(*where, verdict.result, words.clipped(verdict.reason), outcome=verdict.result)
