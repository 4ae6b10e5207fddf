"""What a report says of shares of capacity: one section, one table and one picture for all of a scenario's."""

import csv
import re
from pathlib import Path

import pytest

from lab.model.loads import Load
from lab.model.outcome import Outcome
from lab.report import contents
from lab.report.view import view_of
from lab.report.write import write_report
from tests.synthetic import (
    failure,
    histogram,
    on_terminal,
    rows_of,
    run_facts,
    sample,
    scenario,
    stack,
    trial,
    write_run,
)

LOADS = ["open:80%", "closed:8", "open:1000", "open:25%"]
CAPACITY = {"base": 1000, "base@aa": 1000, "fast": 8000}
BLOCKS = 8


def latency(arm: str, load: str) -> str:
    """At 25 % both have 2 ms; at 80 % `fast` has 4 ms and the others 16 ms."""
    at_80 = 4.0 if arm == "fast" else 16.0
    return histogram({at_80 if load == "open:80%" else 2.0: 2000})


def outcome(block: int, arm: str, load: str) -> Outcome:
    of = trial(block, arm, load=load)
    if load == "closed:8":
        return sample(of, CAPACITY[arm] * (1 + 0.01 * (block % 3)))
    share = Load.model_validate(load).amount / 100 if "%" in load else 1000 / CAPACITY[arm]
    rps = CAPACITY[arm] * share + block
    return sample(of, 1000, latency=latency(arm, load), offered_rps=rps)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    stacks = [stack("base", baseline=True), stack("fast"), stack("late"), stack("gone")]
    found = [outcome(block, arm, load) for block in range(BLOCKS) for arm in CAPACITY for load in LOADS]
    for block in range(BLOCKS):
        found.append(sample(trial(block, "late", load="closed:8"), 500))
        found.append(sample(trial(block, "late", load="open:80%"), 400, completed=500, offered_rps=400))
        found.append(failure(trial(block, "gone", load="open:80%"), "It was not measured.", inherited="STOLEN"))
    facts = run_facts(stacks, [scenario("json")], BLOCKS)
    facts["profile"]["loads"] = [Load.model_validate(load).model_dump() for load in LOADS]
    folder = write_run(tmp_path / "run", facts, found)
    write_report(view_of(folder))
    return folder


def test_the_shares_of_a_scenario_have_one_section_and_one_table(run: Path) -> None:
    text = (run / "report.md").read_text()
    assert "0.5 s of warm-up and 2 s measured." in text
    titles = re.findall(r"^## (json, .*)$", text, re.MULTILINE)
    assert titles == [
        "json, 25 and 80 % of each stack's own capacity offered",
        "json, 8 users",
        "json, 1,000 requests/s offered",
    ]
    section = text.split(f"## {titles[0]}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    table = rows[: next(i for i, line in enumerate(rows) if i and line.startswith("| stack"))]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert cells[0][:4] == [
        "stack",
        "share, of its own capacity",
        "offered, requests/s, median",
        "against base, 99th percentile",
    ]
    assert [row[:3] for row in cells[2:]] == [
        ["base", "25 %", "254"],
        ["base", "80 %", "804"],
        ["fast", "25 %", "2,000"],
        ["fast", "80 %", "6,400"],
        ["late (failed)", "80 %", "400"],
        ["gone", "invalid at 80 %", ""],
    ]
    assert cells[5][3].startswith("shorter p99 0.25 x")
    assert "under closed:8" in section
    assert "- **late failed at 80 %**: 8 of 8 blocks: It fell behind the schedule" in section
    assert "- **A/A at 25 %**: base@aa: 1.00 times the 99th percentile" in section
    assert "- **at 80 %**: fast: 0.25 times the 99th percentile of base" in section


def test_the_ratios_to_the_baseline_have_a_row_for_each_of_them(run: Path) -> None:
    text = (run / "report.md").read_text().split("## Every stack beside the baseline")[1].split("\n## ")[0]
    at = {share: next(line for line in text.splitlines() if f"| {share} % of its own" in line) for share in (25, 80)}
    assert "| 2.00 ms p50 2.00, p99 2.00 ms |" in at[25]
    assert "| 16.0 ms p50 16.0, p99 16.0 ms |" in at[80]
    assert "| shorter p99 0.25 x" in at[80]
    assert "p50 4.00, p99 4.00 ms" in at[80]
    assert "| equal within 10 % 1.00 x" in at[25]
    assert "| failed" in at[80]
    assert "99th percentile under open load at a share of capacity: the minimum detectable difference" in text
    assert re.search(r"open:80% +fast .*▲ shorter p99 0\.25 x", on_terminal(view_of(run)))


def test_one_picture_shows_the_latency_by_the_rate_of_each_stack(run: Path) -> None:
    names = {path.name for path in (run / "charts").iterdir()}
    assert names >= {"json-closed-8.svg", "json-open-1000.svg", "json-open-shares-p50.svg", "json-open-shares-p99.svg"}
    assert "](charts/json-open-shares-p99.svg)" in (run / "report.md").read_text()
    drawn = {one.slug: one for picture in contents.of(view_of(run)).pictures for one in picture.charts}
    for slug in ("json-open-shares-p50", "json-open-shares-p99"):
        points = [(row["stack"], row["share"], row["failed"]) for row in rows_of(drawn[slug])]
        assert len(points) == 5, "those that have this percentile"
        assert ("fast", "80 %", False) in points
        assert ("late", "80 %", True) in points
    assert 'id="json-open-shares"' in (run / "report.html").read_text()
    assert 'href="#json-open-shares"' in (run / "report.html").read_text()


def test_the_tables_of_a_run_have_a_row_for_each_share(run: Path) -> None:
    with (run / "summary.csv").open(newline="") as file:
        rows = {(row["stack"], row["load"]): row for row in csv.DictReader(file)}
    assert rows["fast", "open:80%"]["offered_rps"] == "6403.5"
    assert (rows["fast", "closed:8"]["offered_rps"], rows["fast", "open:1000"]["offered_rps"]) == ("", "1003.5")
    with (run / "comparisons.csv").open(newline="") as file:
        found = {(row["load"], row["metric"]) for row in csv.DictReader(file) if row["stack"] == "fast"}
    everywhere = {(load, metric) for load in LOADS for metric in ("cpu_us_per_request", "p99_ms")}
    assert found == {*everywhere, ("closed:8", "rps"), ("open:1000", "rps")}, "what was offered is not compared"
