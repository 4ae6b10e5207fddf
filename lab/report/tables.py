"""summary.csv, costs.csv and comparisons.csv, with the columns of lab/analysis/columns.py. Empty means not measured."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from lab.analysis import columns
from lab.analysis.columns import Cost
from lab.analysis.comparison.rows import Comparison
from lab.model.cell import Cell

Row = Mapping[str, object]
_CELL_OF_COSTS = ("stack", "scenario", "load", "role")


def write_summary(path: Path, cells: Iterable[Cell]) -> Path:
    rows = (
        {name: value for column in columns.COLUMNS for name, value in column.fields(cell).items()} for cell in cells
    )
    return _write(path, [name for column in columns.COLUMNS for name in column.names], rows)


def write_costs(path: Path, costs: Iterable[Cost]) -> Path:
    names = [*_CELL_OF_COSTS, *(column.name for column in columns.COSTS)]
    return _write(path, names, (cost.model_dump(include=set(_CELL_OF_COSTS)) | cost.figures for cost in costs))


def write_comparisons(path: Path, comparisons: Iterable[Comparison]) -> Path:
    return _write(path, list(columns.COMPARISONS), map(vars, comparisons))


def _write(path: Path, names: list[str], rows: Iterable[Row]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _text(row[name]) for name in names} for row in rows)
    return path


def _text(value: object) -> object:
    """Write numbers with six significant digits: more than any of them has."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.6g}"
        case tuple():
            return " ".join(value)
    return value
