"""The contents of a report, in the order in which a reader wants them; each part is written here once for all formats."""

from collections.abc import Iterator, Sequence

from lab.analysis import columns
from lab.analysis.comparison.paired import MIN_BLOCKS
from lab.analysis.summary import Judged
from lab.model.outcome import Failure
from lab.report import (
    by_factor,
    caveats,
    chapter,
    effects,
    facts,
    findings,
    levels,
    matrix,
    page,
    precision,
    spending,
    statements,
    words,
)
from lab.report import map as map_
from lab.report.view import View

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


def of(view: View) -> page.Page:
    """Return the whole report."""
    profile = view.run.profile
    about = f"{words.listed(profile.replaced)} as the command gave them" if profile.replaced else profile.about
    intro = page.Paragraph(f"Profile {profile.name}: {about}. {' '.join(facts.setup(view.run))}", "soft")
    return page.Page(view.run.name, view.title, (intro, *_first(view)), tuple(_sections(view)), _choices(view))


def _first(view: View) -> Iterator[page.Block]:
    """Yield the first screen: what was found, how sure it is, and what warns of it."""
    if found := findings.found(view):
        yield page.Heading(findings.TITLE, 2)
        yield page.Bullets(tuple(found), "findings")
    yield page.Heading(findings.SURE, 2)
    yield page.Bullets(tuple(findings.sure(view)))
    yield from (page.Paragraph(warning, "warning") for warning in caveats.warnings(view))


def _choices(view: View) -> page.About:
    """Return what a reader can filter by: what the report has more than one of."""
    shown = view.sections
    scenarios = dict.fromkeys(one.scenario.id for one in shown)
    loads = dict.fromkeys(one.load for one in shown)
    stacks = dict.fromkeys(line.cell.stack for one in shown for line in one.lines)
    metrics = [
        metric for metric in words.METRICS if any(row.metric == metric for one in shown for row in one.comparisons)
    ]
    return page.About(tuple(sorted(stacks)), tuple(scenarios), tuple(loads), tuple(metrics))


def _sections(view: View) -> Iterator[page.Section]:
    yield from statements.sections(view.answers)
    if view.chapters:
        yield from _compared(view)
    if crossover := view.crossover:
        yield map_.section(crossover)
    if found := view.capacities:
        yield levels.section(found, view.run.profile.capacity_p99_ms or 0)
    yield from spending.sections(view)
    for one in view.chapters:
        yield chapter.section(one, view)
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
    yield page.Section(matrix.TITLE, tuple(matrix.blocks(view)))
    if found := view.influences:
        yield page.Section(effects.TOGETHER, tuple(effects.of_others(found)))


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
    return page.row(
        *where,
        verdict.result,
        words.clipped(verdict.reason),
        outcome=verdict.result,
        about=page.About((trial.stack,), (trial.scenario,), (str(trial.load),)),
    )
