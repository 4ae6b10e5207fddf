"""Derives a run's summary, comparisons, charts and reports from its originals, again and again the same."""

import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lab.report import charts, short, tables, words
from lab.report.derive import derive
from lab.report.read import read
from lab.report.view import View, log_tail


def view_of(folder: Path) -> View:
    """Return what follows from the originals in a run's folder.

    Raises:
        LabError: the originals are missing or broken, or a newer lab wrote them.
    """
    run = read(folder)
    return View(run, derive(run))


def write_report(folder: Path, shown: View | None = None) -> list[Path]:
    """Write all derived files into the run's folder and return their paths; errors are those of `view_of`."""
    shown = shown or view_of(folder)
    drawn = _charts(shown)
    return [
        tables.write_summary(folder / "summary.csv", shown.findings.cells),
        tables.write_costs(folder / "costs.csv", shown.findings.costs),
        tables.write_comparisons(folder / "comparisons.csv", shown.findings.comparisons),
        *_write_charts(folder / "charts", drawn),
        _write(folder / "report.md", render("report.md", shown, drawn)),
        _write(folder / "report.html", render("report.html", shown, drawn)),
    ]


def _charts(shown: View) -> dict[str, str]:
    """Slug of the section -> SVG."""
    drawn = {s.slug: charts.draw([line.cell for line in s.lines], shown.run.baseline) for s in shown.sections}
    return {slug: svg for slug, svg in drawn.items() if svg is not None}


def _write_charts(folder: Path, drawn: dict[str, str]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    return [_write(folder / f"{slug}.svg", charts.standalone(svg)) for slug, svg in drawn.items()]


def render(template: str, shown: View, drawn: dict[str, str]) -> str:
    """Return a report as text; what the run brought along is escaped, in Markdown as in HTML."""
    is_html = template.endswith(".html")
    environment = Environment(
        loader=PackageLoader("lab.report"),
        autoescape=is_html,  # noqa: S701 - Markdown is escaped by _without_tags
        finalize=None if is_html else _without_tags,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["one_line"] = one_line
    environment.filters["fenced"] = fenced
    svgs = {slug: Markup(svg) for slug, svg in drawn.items()}  # noqa: S704 - drawn here, Vega escapes its texts
    return environment.get_template(f"{template}.j2").render(
        view=shown, run=shown.run, words=words, short=short, charts=svgs, log_tail=log_tail
    )


def _without_tags(value: object) -> object:
    """Markdown passes HTML through, so that a reason or a log could bring a script; code in fences stays as it is."""
    return value if isinstance(value, Markup) else str(value).replace("<", "&lt;")


def fenced(lines: Sequence[str]) -> Markup:
    """Return lines as a code block of Markdown, whose fence is longer than any in them."""
    text = "\n".join(lines)
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`{3,}", text))])
    return Markup(f"{fence}\n{text}\n{fence}")  # noqa: S704 - nothing in a fence is Markdown or HTML


def one_line(text: object) -> str:
    """Text for a cell of a Markdown table, where a line break or an upright bar would end it."""
    return " ".join(str(text).split()).replace("|", "\\|")


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
