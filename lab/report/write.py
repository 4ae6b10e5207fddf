"""Writes a run's derived files: tables, charts and reports. They follow from the originals alone and can be derived again.

The tables have the columns of lab/analysis/columns.py; empty means not measured.
"""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lab.analysis import columns
from lab.analysis.columns import Cost
from lab.analysis.comparison.rows import Comparison
from lab.answers.written import document
from lab.model.cell import Cell
from lab.report import contents, glossary, html, ladder, markdown
from lab.report.charts.drawing import Chart, standalone
from lab.report.charts.drawn import svgs
from lab.report.view import View

_CELL_OF_COSTS = ("stack", "scenario", "load", "role")


def write_report(view: View) -> list[Path]:
    """Write all derived files into the run's folder and return their paths."""
    folder, page = view.run.folder, contents.of(view)
    drawn = [chart for picture in page.pictures if picture.still for chart in picture.charts]
    return [
        write_summary(folder / "summary.csv", view.cells),
        write_costs(folder / "costs.csv", view.costs),
        write_comparisons(folder / "comparisons.csv", view.comparisons),
        *(ladder.write(folder) if view.run.micro else ()),
        *_write_answers(folder / "answers.json", view),
        *_write_charts(folder / "charts", drawn),
        _write(folder / "report.md", markdown.render(page)),
        _write(folder / "report.html", html.render(page, glossary.terms())),
    ]


def _write_answers(path: Path, view: View) -> list[Path]:
    """Write the verdicts of a run that decides on any statement."""
    if all(one.verdict == "not_measured" for one in view.answers):
        return []
    return [_write(path, json.dumps(document(view.answers), indent=1) + "\n")]


def write_summary(path: Path, cells: Iterable[Cell]) -> Path:
    rows = (
        {name: value for column in columns.COLUMNS for name, value in column.fields(cell).items()} for cell in cells
    )
    return _write_rows(path, [name for column in columns.COLUMNS for name in column.names], rows)


def write_costs(path: Path, costs: Iterable[Cost]) -> Path:
    names = [*_CELL_OF_COSTS, *(column.name for column in columns.COSTS)]
    return _write_rows(path, names, (cost.model_dump(include=set(_CELL_OF_COSTS)) | cost.figures for cost in costs))


def write_comparisons(path: Path, comparisons: Iterable[Comparison]) -> Path:
    rows = (vars(row) | {"factors": ",".join(row.factors)} for row in comparisons)
    return _write_rows(path, list(columns.COMPARISONS), rows)


def _write_rows(path: Path, names: list[str], rows: Iterable[Mapping[str, object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _field(row[name]) for name in names} for row in rows)
    return path


def _field(value: object) -> object:
    """Write numbers with six significant digits: more than any of them has."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.6g}"
        case tuple():
            return " ".join(value)
    return value


def _write_charts(folder: Path, drawn: Sequence[Chart]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    pictures = zip(drawn, svgs([chart.whole for chart in drawn]), strict=True)
    return [_write(folder / f"{chart.slug}.svg", standalone(svg)) for chart, svg in pictures]


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
