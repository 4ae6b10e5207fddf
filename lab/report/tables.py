"""summary.csv, costs.csv and comparisons.csv, as results/README.md promises them. Empty means not measured."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from lab.analysis.comparison.rows import Comparison
from lab.analysis.costs import Cost
from lab.model.cell import Cell

Row = Mapping[str, object]


def write_summary(path: Path, cells: Iterable[Cell]) -> Path:
    return _write(path, _SUMMARY, map(_cell, cells))


def write_costs(path: Path, costs: Iterable[Cost]) -> Path:
    return _write(path, list(Cost.model_fields), (cost.model_dump() for cost in costs))


def write_comparisons(path: Path, comparisons: Iterable[Comparison]) -> Path:
    return _write(path, _COMPARISONS, map(_comparison, comparisons))


# fmt: off
_SUMMARY = [
    "stack", "scenario", "load", "blocks", "valid", "outcome", "reason", "rps", "rps_lo", "rps_hi", "mean_ms", "p50_ms", "p95_ms",
    "p99_ms", "error_rate", "cpu_us_per_request", "cpu_us_lo", "cpu_us_hi", "memory_mb", "connects_per_request",
    "other_cpus_busy", "bound_by", "first_event_p50_ms", "first_event_p99_ms", "event_gap_p50_ms", "event_gap_p99_ms",
    "streams_held", "reconnects_per_request", "service_p99_ms", "lag_p99_ms",
    "expected_error_rate", "all_served_s", "notes",
]
_COMPARISONS = [
    "scenario", "load", "stack", "baseline", "metric", "ratio", "lo", "hi", "verdict", "mde", "blocks", "confidence",
    "p_holm", "p_signed_rank",
]
# fmt: on


def _cell(cell: Cell) -> Row:
    rps, cpu = cell.rps, cell.cpu_us_per_request
    return cell.model_dump() | {
        "valid": "true" if cell.outcome == "valid" else "false",
        "rps": rps and rps.mean,
        "rps_lo": rps and rps.lo,
        "rps_hi": rps and rps.hi,
        "cpu_us_per_request": cpu and cpu.mean,
        "cpu_us_lo": cpu and cpu.lo,
        "cpu_us_hi": cpu and cpu.hi,
        "notes": " ".join(cell.notes),
    }


def _comparison(row: Comparison) -> Row:
    return {name: getattr(row, name) for name in _COMPARISONS}


def _write(path: Path, columns: list[str], rows: Iterable[Row]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _text(row[name]) for name in columns} for row in rows)
    return path


def _text(value: object) -> object:
    """Six significant digits: more than any of these numbers has."""
    return f"{value:.6g}" if isinstance(value, float) else value
