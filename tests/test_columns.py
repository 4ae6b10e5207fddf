"""A figure is one entry of the registry of columns: every table and report has it from there."""

import csv
from pathlib import Path

import pytest

from lab.analysis import columns
from lab.analysis.columns import Column, CostColumn
from lab.commands import docs_tables
from lab.model.outcome import Outcome
from lab.paths import ROOT
from lab.report.view import view_of
from lab.report.write import write_report
from tests.synthetic import run_facts, sample, scenario, stack, trial, write_run

CHECKED = Column(
    "checked",
    "responses whose whole body was checked",
    lambda of: float(sum(one.driven.checked for one in of.samples)),
    "bodies checked",
    "whole",
    "numbers",
)
BYTES = CostColumn("bytes", "memory in bytes", lambda used, _: used.memory_bytes, "bytes", "B", ("server",))


def report(folder: Path) -> Path:
    found: list[Outcome] = [sample(trial(block)) for block in range(6)]
    run = write_run(folder / "run", run_facts([stack("a")], [scenario("json")], 6), found)
    write_report(view_of(run))
    return run


def row(path: Path) -> dict[str, str]:
    with path.open(newline="") as file:
        return next(csv.DictReader(file))


def test_one_more_entry_is_in_the_summary_both_reports_and_the_documentation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "COLUMNS", (*columns.COLUMNS, CHECKED))
    run = report(tmp_path)
    assert row(run / "summary.csv")["checked"] == "60"
    text, html = (run / "report.md").read_text(), (run / "report.html").read_text()
    assert "| bodies checked, whole |" in text
    assert "| 60.0 |" in text
    assert "- **bodies checked**: responses whose whole body was checked." in text
    assert 'data-meaning="responses whose whole body was checked">bodies checked<small>whole</small></th>' in html
    assert '<td class="n" data-value="60">60.0</td>' in " ".join(html.split("\n")).replace(" <", "<").replace("> ", ">")
    documented = docs_tables.quoted((ROOT / "results/README.md").read_text())
    assert "| checked | responses whose whole body was checked |" in documented


def test_one_more_cost_is_in_its_table_both_reports_and_the_documentation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "COSTS", (*columns.COSTS, BYTES))
    run = report(tmp_path)
    assert row(run / "costs.csv")["bytes"] == "5e+07"
    assert "| bytes, B (server) |" in (run / "report.md").read_text()
    assert "bytes<small>B (server)</small>" in (run / "report.html").read_text()
    assert "| bytes | memory in bytes |" in docs_tables.quoted((ROOT / "results/README.md").read_text())


@pytest.mark.parametrize("column", columns.COLUMNS, ids=lambda column: column.name)
def test_every_column_has_a_meaning_and_what_a_report_shows_has_a_title(column: Column) -> None:
    assert column.meaning
    assert bool(column.title) == bool(column.table)
    assert not column.table or column.measure


def test_no_two_columns_have_one_name() -> None:
    names = [name for column in columns.COLUMNS for name in column.names]
    assert len(names) == len(set(names))
