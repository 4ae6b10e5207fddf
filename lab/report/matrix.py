"""Every stack beside the baseline: the ratio in each scenario and load, with its verdict. Never a bare ranking."""

from collections.abc import Iterator, Sequence

from lab.analysis.comparison.rows import Comparison
from lab.model.cell import Cell
from lab.report import by_factor, page, precision, words
from lab.report.section import NOT_SUPPORTED, Chapter, Line, Section, tone
from lab.report.view import View

TITLE = "Every stack beside the baseline"
BOUNDS = page.Head("not bound by the server's CPU", numeric=False)
_METRICS = {
    "rps": "Throughput under closed load",
    "p99_ms": "99th percentile under open load",
    "cpu_us_per_request": "CPU time per request under closed load",
}
"""Metric of a table -> its title."""
UNITS = {"rps": "requests/s", "p99_ms": "ms", "cpu_us_per_request": "µs"}


def blocks(view: View) -> Iterator[page.Block]:
    """Yield what is compared, how precisely, and a table for each metric."""
    against = f"Each stack against {view.run.baseline}, by the ratio inside each block, with its interval."
    yield page.Paragraph(" ".join([against, *precision.detectable(view.sections, headlines=True)]))
    if found := list(precision.sentences(view.run, view.sections)):
        yield page.Details(found[0], tuple(map(page.Paragraph, found[1:])))
    if several := " ".join(by_factor.several(view)):
        yield page.Paragraph(several, "soft")
    for metric, title in _METRICS.items():
        if shown := _shown(view, metric):
            yield page.Heading(title)
            yield _table(view, metric, shown)


def _shown(view: View, metric: str) -> list[tuple[Chapter, Section]]:
    """Return the sections of a metric's table: CPU time is compared wherever throughput is."""
    wanted = "rps" if metric == "cpu_us_per_request" else metric
    return [(chapter, one) for chapter in view.chapters for one in chapter.sections if one.metric == wanted]


def _table(view: View, metric: str, shown: Sequence[tuple[Chapter, Section]]) -> page.Table:
    bounds = [_bounds(chapter, section) if metric == "rps" else "" for chapter, section in shown]
    heads = (
        page.Head("scenario", numeric=False),
        page.Head("load", numeric=False),
        page.Head(view.run.baseline, "baseline", about=page.About(stacks=(view.run.baseline,))),
        *(page.Head(name, about=page.About(stacks=(name,))) for name in view.compared),
        *([BOUNDS] if any(bounds) else []),
    )
    rows = (
        page.row(
            page.Text(section.scenario.id, anchor=chapter.slug),
            section.load_words,
            _own(section, metric),
            *(_beside(section, stack, metric) for stack in view.compared),
            *([bound] if any(bounds) else []),
            about=page.About((), (section.scenario.id,), (section.load,), (metric,)),
        )
        for (chapter, section), bound in zip(shown, bounds, strict=True)
    )
    return page.Table(_METRICS[metric], heads, tuple(rows), "matrix")


def _bounds(chapter: Chapter, section: Section) -> str:
    """Say which stacks were bound by something else than the server's CPU; of several loads, that is their point."""
    return "" if chapter.by else words.not_by_cpu({line.cell.stack: line.cell.bound_by for line in section.lines})


def _own(section: Section, metric: str) -> page.Text:
    """Return what the baseline itself has."""
    line = next((line for line in section.lines if line.base is line.cell), None)
    if line is None:
        return page.Text(words.NOTHING)
    beside = _latencies if metric == "p99_ms" else _in_flight
    return page.Text(_figure(line.cell, metric), beside(line.cell), value=line.cell.amount(metric))


def _figure(cell: Cell, metric: str) -> str:
    """Return a cell's own figure with its unit, or its outcome where it has none."""
    amount = cell.amount(metric)
    if amount is None:
        return cell.outcome if cell.rps is None else "too few requests"
    return f"{words.number(amount)} {UNITS[metric]}"


def _latencies(cell: Cell) -> str:
    """Return the p50 and the p99, as far as they are known."""
    known = [f"{name} {words.number(ms)}" for name in ("p50", "p99") if (ms := cell.amount(f"{name}_ms")) is not None]
    return f"{', '.join(known)} ms" if known else ""


def _beside(section: Section, stack: str, metric: str) -> Sequence[page.Text]:
    """Return the verdict on a stack with its ratio, and its own figure."""
    line = next((line for line in section.lines if line.cell.stack == stack), None)
    if line is None:
        return (page.Text(NOT_SUPPORTED if stack in section.not_supported else words.NOTHING),)
    if metric == section.metric:
        beside = [
            _latencies(line.cell) if metric == "p99_ms" else _in_flight(line.cell),
            "see its notes" if line.cell.notes else "",
        ]
        return (line.answer, *(page.Text("", text) for text in beside if text))
    row = next((row for row in section.comparisons if (row.stack, row.metric) == (stack, metric)), None)
    return (_verdict(line, row),)


def _verdict(line: Line, row: Comparison | None) -> page.Text:
    """Return a verdict with its ratio; where a quota was measured, it is of no stack."""
    if line.throttled:
        return page.Text(line.throttled)
    if row is None:
        return page.Text(words.NOTHING)
    return page.Text(words.label(row), words.detail(row), tone(row), row.ratio)


def _in_flight(cell: Cell) -> str:
    """Return how many requests of users that think are in flight."""
    known = cell.amount("in_flight")
    return "" if known is None else f"{words.number(known)} in flight"
