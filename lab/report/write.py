"""Writes a run's derived files: tables, charts and reports. They follow from the originals alone and can be derived again."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lab.report import charts, contents, markdown, tables
from lab.report.derive import derive
from lab.report.page import Page
from lab.report.read import read
from lab.report.view import View


def view_of(folder: Path) -> View:
    """Return what follows from the originals in a run's folder.

    Raises:
        LabError: the originals are missing or broken, or a newer lab wrote them.
    """
    run = read(folder)
    return View(run, derive(run))


def write_report(view: View) -> list[Path]:
    """Write all derived files into the run's folder and return their paths."""
    folder, found, drawn = view.run.folder, view.findings, _charts(view)
    page = contents.of(view, drawn)
    return [
        tables.write_summary(folder / "summary.csv", found.cells),
        tables.write_costs(folder / "costs.csv", found.costs),
        tables.write_comparisons(folder / "comparisons.csv", found.comparisons),
        *_write_charts(folder / "charts", drawn),
        _write(folder / "report.md", markdown.render(page)),
        _write(folder / "report.html", _html(page, drawn)),
    ]


def _charts(view: View) -> dict[str, str]:
    """Return slug of the section -> SVG."""
    drawn = {s.slug: charts.draw([line.cell for line in s.lines], view.run.baseline) for s in view.sections}
    return {slug: svg for slug, svg in drawn.items() if svg is not None}


def _write_charts(folder: Path, drawn: Mapping[str, str]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    return [_write(folder / f"{slug}.svg", charts.standalone(svg)) for slug, svg in drawn.items()]


def _html(page: Page, drawn: Mapping[str, str]) -> str:
    environment = Environment(
        loader=PackageLoader("lab.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = lambda block: type(block).__name__
    svgs = {slug: Markup(svg) for slug, svg in drawn.items()}  # noqa: S704 - drawn here, Vega escapes its texts
    return environment.get_template("report.html.j2").render(page=page, charts=svgs)


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
