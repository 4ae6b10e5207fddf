"""What changes a stack's figures: one factor (contrasts), or the scenarios that run at the same time (mixtures)."""

from collections.abc import Iterator, Sequence

from lab.analysis.comparison.rows import Comparison
from lab.analysis.mixed import Changed, Influence
from lab.analysis.stats import LONG_MS
from lab.report import by_factor, page, words
from lab.report.by_factor import Contrast
from lab.report.charts import ratios
from lab.report.charts.drawing import Chart
from lab.report.page import slug
from lab.report.section import headline, tone
from lab.report.view import View

CONTRASTS = "What one factor changes"
TOGETHER = "What scenarios do to each other"
_FIGURES = {
    "rps": page.Head("throughput", "1/s"),
    "p50_ms": page.Head("p50", "ms"),
    "p90_ms": page.Head("p90", "ms"),
    "long_share": page.Head(f"above {LONG_MS} ms", "of the answers"),
}
"""Metric -> head of its column."""


def of_factors(view: View, found: Sequence[Contrast]) -> Iterator[page.Block]:
    """Yield all contrasts as a picture and in one table, and each as a sentence."""
    yield page.Paragraph(
        "Two stacks that differ in one factor: the ratio is what that factor changes. The contrasts of a scenario are decided "
        "together, apart from the pairs that differ in several factors."
    )
    if drawn := tuple(chart for one in found for chart in _charts(one)):
        yield page.Picture(drawn)
    yield _table_of_contrasts(view, found)
    sentences = [page.Item(one.sentence(row), about=_about(one, row)) for one in found for row in one.rows]
    more = [page.Item(f"{len(sentences) - by_factor.MOST} more are in the table.", style="soft")]
    shown = [*sentences[: by_factor.MOST], *(more if len(sentences) > by_factor.MOST else [])]
    yield page.Details("Each of them as a sentence", (page.Bullets(tuple(shown)),))
    if forced := [page.Item(f"{one.forced}.", one.names) for one in found if one.forced]:
        yield page.Paragraph("What else differs, because a stack cannot have the equal budget:")
        yield page.Bullets(tuple(forced))


def _about(one: Contrast, row: Comparison) -> page.About:
    return page.About((one.stack.name, one.reference.name), (row.scenario,), (row.load,), (row.metric,))


def _charts(one: Contrast) -> Iterator[Chart]:
    """Yield the ratios of a contrast, a line for each scenario, a chart for each metric; of several loads, those of the first."""
    for metric, name in words.METRICS.items():
        known = [row for row in one.rows if row.metric == metric]
        rows = [row for row in known if row.load == known[0].load]
        if len(rows) > 1:
            title = f"{name[:1].upper()}{name[1:]}: {one.change}, {one.shared}, {words.load(rows[0].load)}"
            yield ratios.of_rows(
                slug(f"contrast {one.names} {metric}"), title, [(row.scenario, row, tone(row)) for row in rows]
            )


def _table_of_contrasts(view: View, found: Sequence[Contrast]) -> page.Table:
    """Return a row for each contrast and load, a column for each scenario."""
    loads = list(dict.fromkeys(section.load for section in view.sections))
    scenarios = list(dict.fromkeys(section.scenario.id for section in view.sections))
    rows = [(one, load, {row.scenario: row for row in one.rows if row.load == load}) for one in found for load in loads]
    shown = [scenario for scenario in scenarios if any(scenario in cells for _, _, cells in rows)]
    heads = [page.Head(title, numeric=False) for title in ("factor", "contrast", "load")]
    return page.Table(
        CONTRASTS,
        (*heads, *(page.Head(name, about=page.About((), (name,))) for name in shown)),
        tuple(
            page.row(
                one.factor,
                (page.Text(one.change, one.shared), page.Text("", one.names)),
                page.Text(words.load(load), words.METRICS[headline(load)]),
                *(_ratio(cells.get(scenario)) for scenario in shown),
                about=page.About((one.stack.name, one.reference.name), (), (load,), (headline(load),)),
            )
            for one, load, cells in rows
            if cells
        ),
        style="contrasts",
    )


def _ratio(row: Comparison | None) -> page.Text:
    """Return a ratio with its verdict and, small, its interval."""
    if row is None:
        return page.Text(words.NOTHING)
    verdict = words.label(row).partition(" within")[0]
    return page.Text(f"{words.times(row.ratio)} x {verdict}", words.interval(row).strip(), tone(row), row.ratio)


def of_others(found: Sequence[Influence]) -> Iterator[page.Block]:
    """Yield what scenarios do to each other: what each of a mixture had alone and beside the others, in one table."""
    yield page.Paragraph(
        "Each scenario of a mixture had the same users, or the same rate, alone and beside the others in each block. The ratio is "
        "that of the two inside the block, with its 95 % interval over blocks; it is not adjusted for the other rows."
    )
    heads = (page.STACK, page.Head("scenario", numeric=False), page.Head("its load", numeric=False))
    rows = (
        page.row(
            one.stack,
            one.beside,
            words.load(str(one.load)),
            *(_change(name, one.figures.get(name)) for name in _FIGURES),
        )
        for one in found
    )
    yield page.Table(TOGETHER, (*heads, *_FIGURES.values()), tuple(rows))


def _change(name: str, changed: Changed | None) -> page.Text:
    if changed is None:
        return page.Text(words.NOTHING)
    write = words.percent if name == "long_share" else words.number
    text, ratio = f"{write(changed.alone)} to {write(changed.beside)}", changed.ratio
    if ratio is None:
        return page.Text(text)
    interval = "" if ratio.lo is None or ratio.hi is None else f" ({words.times(ratio.lo)} to {words.times(ratio.hi)})"
    return page.Text(text, f"{words.times(ratio.mean)} x{interval}")
