"""Every table that README and docs quote is what the committed run says."""

import json
from pathlib import Path

import pytest

from benchmarks import http_clients
from lab import readme
from lab.errors import LabError
from lab.project import ROOT


@pytest.mark.parametrize("file", readme.quoting_files(), ids=lambda path: path.name)
def test_quoted_tables_are_what_the_runs_say(file: Path) -> None:
    assert readme.quoted(file.read_text()) == file.read_text(), "call `.venv/bin/python -m lab readme`"


def test_readme_quotes_a_run() -> None:
    assert "<!-- run results/reference/" in (ROOT / "README.md").read_text()


def test_a_quoted_table_may_leave_a_kind_of_load_out() -> None:
    both = readme.table(ROOT / "results/reference/standard-docker")
    closed, opened = (readme.table(ROOT / "results/reference/standard-docker", kind) for kind in ("closed", "open"))
    assert "open:" not in closed
    assert "closed:" not in opened
    assert both.count("\n|") + 2 == closed.count("\n|") + opened.count("\n|")
    text = "<!-- run results/reference/standard-docker open -->\nold\n<!-- /run -->after"
    assert readme.quoted(text) == text.replace("old\n", opened)


def test_a_run_that_is_not_there_is_named() -> None:
    with pytest.raises(LabError, match="results/reference/none"):
        readme.quoted("<!-- run results/reference/none -->\n<!-- /run -->")


def test_the_table_of_http_clients_is_what_was_measured() -> None:
    text = http_clients.DOCUMENT.read_text()
    assert http_clients.written(text, json.loads(http_clients.FIGURES.read_text())) == text
