"""Every table that README and docs quote is what the committed run says."""

import json
import re
from pathlib import Path

import pytest

from benchmarks import http_clients
from lab.analysis import micro
from lab.commands import docs_tables
from lab.errors import LabError
from lab.paths import ROOT
from lab.report import effects, ladder, statements
from tests.conftest import lab


@pytest.mark.parametrize("file", docs_tables.quoting_files(), ids=lambda path: path.name)
def test_quoted_tables_are_what_the_runs_say(file: Path) -> None:
    assert docs_tables.quoted(file.read_text()) == file.read_text(), "call `.venv/bin/python -m lab readme`"


def test_help_texts_are_quoted_whatever_the_width_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    text = (ROOT / "docs/commands.md").read_text()
    assert docs_tables.quoted(text) == text
    listed = lab(ROOT, "--help").stdout.partition("Commands:\n")[2]
    assert re.findall(r"^### (.*)$", text, re.MULTILINE) == [line.split()[0] for line in listed.splitlines()]


def test_readme_quotes_a_run() -> None:
    assert "<!-- run results/reference/" in (ROOT / "README.md").read_text()


def test_the_first_lines_of_readme_say_how_long_the_two_commands_take() -> None:
    guideline, commands, *_ = (ROOT / "README.md").read_text().split("\n## ")[1:]
    assert guideline.startswith("Should it be async?"), "README opens with it"
    first = commands.splitlines()[:8]
    assert any(line.startswith("    make test ") and "8 to 14 minutes" in line for line in first)
    assert any("`make bench` takes about six minutes" in line for line in first)


def test_a_quoted_table_has_throughput_under_closed_and_latency_under_open_load() -> None:
    """Under closed load without think time a p50 would only say the throughput again."""
    both = docs_tables.table(ROOT / "results/reference/standard-docker").splitlines()
    head = next(place for place, line in enumerate(both) if line.startswith("|"))
    assert both[head].endswith("| p50 ms, open:50% | p99 ms, open:50% |")
    assert both[head].startswith("| scenario | stack | requests/s, closed:64 |")
    assert all(line.count("|") == both[head].count("|") for line in both[head:])
    closed = docs_tables.table(ROOT / "results/reference/quick-docker")
    assert "open:" not in closed


def test_a_run_that_is_not_there_is_named() -> None:
    with pytest.raises(LabError, match="results/reference/none"):
        docs_tables.quoted("<!-- run results/reference/none -->\n<!-- /run -->")


def test_the_table_of_http_clients_is_what_was_measured() -> None:
    text = http_clients.DOCUMENT.read_text()
    assert http_clients.written(text, json.loads(http_clients.FIGURES.read_text())) == text


def test_a_quoted_run_begins_with_its_contrasts_under_the_first_closed_load(tmp_path: Path) -> None:
    said = "handlers `async def` instead of `def`, FastAPI on Uvicorn, json at"
    (tmp_path / "report.md").write_text(
        f"# A run\n\n## {effects.CONTRASTS}\n\n| factor |\n| --- |\n\n- {said} 64 users: 2.\n- {said} 8 users: 3.\n\n"
        "## The rest\n\n- x at 64 users: 4.\n"
    )
    assert list(docs_tables.contrasts(tmp_path, "closed:64")) == [f"- {said} 64 users: 2.", ""]
    assert docs_tables.contrast_table(tmp_path) == "| factor |\n| --- |\n"
    rows = [
        "| factor | contrast | load | json | wait |",
        "| --- | --- | --- | --: | --: |",
        "| loop | a | x | 1 | 2 |",
        "| server | b | x | 3 | 4 |",
    ]
    (tmp_path / "report.md").write_text("\n".join([f"## {effects.CONTRASTS}", *rows]))
    assert docs_tables.contrast_table(tmp_path, ["server"], ["wait"]).splitlines() == [
        "| factor | contrast | load | wait |", "| --- | --- | --- | --: |", "| server | b | x | 4 |",
    ]  # fmt: skip
    (tmp_path / "report.md").write_text("# A run\n\n## The rest\n\n- x at 64 users: 4.\n")
    assert docs_tables.contrast_table(tmp_path) == ""
    assert list(docs_tables.contrasts(tmp_path, "closed:64")) == []


def test_another_run_is_quoted_where_its_verdicts_differ(tmp_path: Path) -> None:
    head = f"# A run\n\n## {statements.ANSWERS}\n\n| statement | verdict | effect |\n| --- | --- | --- |\n"
    for name, rows in (
        ("one", "| A | supported | 2 |\n| B | refuted | 1 |\n"),
        ("other", "| A | supported | 3 |\n| B | supported | 2 |\n"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.md").write_text(head + rows)
    assert docs_tables.differing(tmp_path / "one", tmp_path / "other").splitlines() == [
        "| statement | verdict | effect |",
        "| --- | --- | --- |",
        "| B | supported | 2 |",
    ]


@pytest.mark.parametrize("name", ["micro-docker", "micro-process"])
def test_the_page_of_committed_micro_benchmarks_is_what_was_measured(name: str) -> None:
    folder = ROOT / "results/reference" / name
    assert "".join(f"{line}\n" for line in ladder.page(micro.original(folder))) == (folder / "micro.md").read_text()
    assert max(micro.naive_ratios(micro.original(folder))) < 2, "docs/micro.md says that none comes near 359 %"
    assert min(micro.naive_ratios(micro.original(folder))) < 1, "docs/micro.md says that single ones differ in sign"
