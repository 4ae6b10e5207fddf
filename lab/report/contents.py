"""The contents of a report, in the order in which a reader wants them; each part is written here once for all formats."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from lab.analysis import columns
from lab.analysis.comparison.paired import MIN_BLOCKS
from lab.analysis.summary import Judged
from lab.model.cell import Figure, Value
from lab.model.loads import Load
from lab.model.outcome import Failure, Role
from lab.report import by_factor, caveats, effects, facts, levels, page, precision, short, start, statements, words
from lab.report import map as map_
from lab.report.read import Run
from lab.report.section import NOT_SUPPORTED, Chapter, Line, Section
from lab.report.view import View

T = TypeVar("T")
Shown = Mapping[page.Head, Callable[[T], page.Text]]
"""Columns of a table, each with what a row has there."""
Filled = tuple[tuple[page.Head, ...], tuple[page.Row, ...]]
HOW_TO_READ = (
    "A block runs every stack once, close together in time; compared is the ratio inside each block. "
    "Intervals come from the blocks, never from single requests.",
    "Different: the interval (adjusted over the contrasts of the scenario and its loads, or over its stacks) excludes 1 and the effect is "
    "beyond the margin. Equal: the 90 % interval, which is then the one shown, lies inside the margin (5 % for throughput "
    "and CPU, 10 % for p99); it is not adjusted, since each such statement stands for its own pair. "
    "Anything else is inconclusive.",
    "The A/A arm is the baseline measured a second time under another label: what it shows is noise.",
    "Mean latency and percentiles are the geometric mean over blocks of each block's own, as in every ratio. A p50 needs 20 "
    "requests, a p95 200, a p99 1,000.",
    "Under closed load latency follows from throughput: the mean is users over requests per second (Little's law), less the think "
    "time where users think.",
    "Failed is the stack's result (errors, refusals, falling behind) and is ranked last. Invalid is the lab's fault "
    f"and carries no numbers; blocks that the machine disturbed are left out where most are valid, and a claim needs {MIN_BLOCKS}. "
    "Not supported: the stack does not offer this technique.",
    "Memory is read at the end of the window and depends on what ran before in the block.",
)
AMOUNTS = {"share": page.Head("share", "of its own capacity"), "users": page.Head("users")}
PICTURES = {"share": "Latency by rate", "users": "Throughput and latency by users", "": "Throughput and latency"}
A_SWEEP = "Where throughput no longer rises with the users, more of them only wait longer. In the picture a hollow mark is a failed cell."


def of(view: View, drawn: Collection[str]) -> page.Page:
    """Return the whole report; `drawn` are the slugs of the chapters that have a picture."""
    profile = view.run.profile
    about = f"{words.listed(profile.replaced)} as the command gave them" if profile.replaced else profile.about
    intro = page.Paragraph(f"Profile {profile.name}: {about}. {' '.join(facts.setup(view.run))}")
    warnings = (page.Paragraph(warning, "warning") for warning in caveats.warnings(view))
    return page.Page(view.run.name, view.title, (intro, *warnings), tuple(_sections(view, drawn)))


def _sections(view: View, drawn: Collection[str]) -> Iterator[page.Section]:
    yield from statements.sections(view.answers)
    if crossover := view.crossover:
        yield map_.section(crossover, drawn)
    if found := view.capacities:
        yield levels.section(found, view.run.profile.capacity_p99_ms or 0)
    if view.chapters:
        yield from _compared(view)
    for one in view.chapters:
        blocks = tuple(_chapter(one, view.run, one.slug in drawn))
        yield page.Section(one.scenario.id, blocks, one.load_words, one.slug)
    if starts := start.starts(view.run):
        heads, rows = _filled(start.COLUMNS, starts, [one.stack for one in starts])
        table = page.Table("What it takes to start", heads, rows, "narrow")
        yield page.Section("What it takes to start", (table, page.Paragraph(" ".join(start.note(view.run)), "soft")))
    yield page.Section("How to read this", tuple(_how_to_read(view)))
    yield page.Section("How to reproduce this run", (page.Code((view.command,)),))
    for title, known in facts.tables(view.run).items():
        heads = (page.Head("fact", numeric=False), page.Head("value", numeric=False))
        lines = tuple(page.row(*fact) for fact in known.items())
        yield page.Section(title, (page.Table(title, heads, lines, "facts"),))
    if settings := facts.settings(view.run):
        yield page.Section("Settings", tuple(_settings(view, settings)))
    if not_valid := [judged for judged in view.trials if judged.verdict.result != "valid"]:
        yield page.Section("Trials that are not valid", tuple(_not_valid(not_valid)))


def _compared(view: View) -> Iterator[page.Section]:
    if told := by_factor.contrasts(view):
        yield page.Section(effects.CONTRASTS, tuple(effects.of_factors(view, told)))
    yield page.Section("The short answer", tuple(_short_answer(view)))
    if found := view.influences:
        yield page.Section(effects.TOGETHER, tuple(effects.of_others(found)))


def _short_answer(view: View) -> Iterator[page.Block]:
    against = f"Each stack against {view.run.baseline}, by the ratio inside each block, with its interval."
    yield page.Paragraph(" ".join([against, *precision.detectable(view.sections, headlines=True)]))
    if found := list(precision.sentences(view.run, view.sections)):
        yield page.Details(found[0], tuple(map(page.Paragraph, found[1:])))
    if several := " ".join(by_factor.several(view)):
        yield page.Paragraph(several, "soft")
    yield page.ShortAnswer(view.run.baseline, tuple(_entry(view, chapter) for chapter in view.chapters))


def _entry(view: View, chapter: Chapter) -> page.Entry:
    base, bounds = short.baselines(chapter), short.not_by_cpu(chapter)
    beside = f"{chapter.load_words}{f', baseline {base}' if base else ''}"
    notes = (f"Not bound by the server's CPU: {bounds}." if bounds else "", short.noted(chapter))
    return page.Entry(
        chapter.scenario.id,
        chapter.slug,
        beside,
        tuple(short.of_chapter(chapter, view.compared_in(chapter))),
        tuple(filter(None, notes)),
    )


def _chapter(chapter: Chapter, run: Run, drawn: bool) -> Iterator[page.Block]:
    if drawn:
        yield page.Picture(chapter.slug, f"{PICTURES[chapter.by]} of {chapter.title}")
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
    if sentences := [page.Item(text, chapter.at(one)) for one in chapter.sections for text in one.sentences]:
        summary = f"Every comparison as a sentence: {', '.join(words.METRICS.values())}"
        yield page.Details(summary, (page.Bullets(tuple(sentences)),))


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


def _filled(shown: Shown[T], rows: Sequence[T], names: Iterable[str | page.Text]) -> Filled:
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
    heads, rows = _filled(shown, lines, names)
    return heads, tuple(replace(one, outcome=line.cell.outcome) for one, line in zip(rows, lines, strict=True))


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
        page.row(line.cell.stack, f"{line.cell.outcome} {chapter.at(one)}".strip(), outcome=line.cell.outcome)
        for one, line in without
    ]
    others += [page.row(stack, NOT_SUPPORTED, outcome="unsupported") for stack in section.not_supported]
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
        return page.Text(words.number(figure.mean, digits), words.bracketed(figure))
    return page.Text(words.percent(figure) if is_share else words.number(figure, digits))


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
            yield page.Item(words.clipped(one.reason), " ".join(filter(None, [one.stack, one.outcome, at])))
    yield from (page.Item(note, f"{one.stack} {at}".strip()) for one, at in cells for note in one.notes)
    for stack, reason in chapter.sections[0].not_supported.items():
        yield page.Item(f"{reason}.", f"{stack} {NOT_SUPPORTED}")
    for section in chapter.sections:
        found = (row for row in section.aa if row.metric == section.metric)
        yield from (page.Item(words.sentence(row), f"A/A {chapter.at(section)}".strip()) for row in found)
    yield from (page.Item(sentence, style="soft") for section in chapter.sections for sentence in section.late)
    bounds = dict(item for section in chapter.sections for item in section.warning_bounds.items())
    for bound, meaning in bounds.items():
        yield page.Item(f"{meaning}.", f"Bound by {bound}", "soft")


def how_to_read(view: View) -> Iterator[str]:
    """Yield the minimum detectable differences of the metrics that do not decide, then what words and numbers mean."""
    yield from precision.detectable(view.sections, headlines=False)
    yield from HOW_TO_READ
    if any(load.kind == "open" for load in view.run.profile.all_loads):
        yield "Latency to quote is that under open load."
    else:
        yield "Latency to quote comes from open load, which this run does not have; PROFILE=standard has it."


def _how_to_read(view: View) -> Iterator[page.Block]:
    yield page.Bullets(tuple(map(page.Item, how_to_read(view))))
    has = {name for cell in view.cells for name, figure in cell.figures.items() if figure is not None}
    meanings = [page.Item(f"{one.meaning}.", one.title) for one in columns.COLUMNS if one.title and one.name in has]
    meanings += [
        page.Item(f"{one.meaning}.", f"{one.title} ({', '.join(one.roles)})") for one in columns.COSTS if one.title
    ]
    yield page.Details("What each column means", (page.Bullets(tuple(meanings)),))
    terms = "Arm, block, cell, contrast, slot, bound, window, A/A and the other terms are explained in the"
    yield page.Paragraph(terms, link=("glossary", view.glossary))


def _settings(view: View, settings: Sequence[page.Row]) -> Iterator[page.Block]:
    yield page.Paragraph(
        "Read from the running servers before the first block, except what is marked as asked for. "
        "Bold: differs from most stacks.",
        "soft",
    )
    heads = page.Head("setting", numeric=False), page.Head("value, and the stacks that have it", numeric=False)
    yield page.Table("Settings of each stack", heads, tuple(settings))
    if exceptions := facts.exceptions(view.run):
        yield page.Paragraph("Declared exceptions from the equal budget:")
        yield page.Bullets(tuple(map(page.Item, exceptions)))


def _not_valid(trials: Sequence[Judged]) -> Iterator[page.Block]:
    titles = ("stack", "scenario", "load", "block", "attempt", "outcome", "reason")
    heads = tuple(page.Head(title, numeric=title in ("block", "attempt")) for title in titles)
    yield page.Table("Trials that are not valid", heads, tuple(map(_rejected, trials)))
    for outcome in (judged.outcome for judged in trials):
        if isinstance(outcome, Failure) and outcome.log_tail:
            trial = outcome.trial
            summary = f"The end of {trial.stack}'s log, block {trial.block}, {trial.scenario}"
            yield page.Details(summary, (page.Code(outcome.log_tail),))


def _rejected(judged: Judged) -> page.Row:
    trial, verdict = judged.trial, judged.verdict
    where = (trial.stack, trial.scenario, str(trial.load), str(trial.block), str(trial.attempt))
    return page.row(*where, verdict.result, words.clipped(verdict.reason), outcome=verdict.result)
