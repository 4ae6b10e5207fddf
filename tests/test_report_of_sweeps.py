"""What a report says of more and more users, and of users that think."""

import re
from pathlib import Path

import pytest

from lab.model.loads import Load
from lab.model.outcome import Outcome
from lab.report import contents
from lab.report.view import view_of
from lab.report.write import write_report
from tests.synthetic import histogram, rows_of, run_facts, sample, scenario, stack, trial, write_run

SWEEP = ["closed:64", "closed:1", "closed:8"]
LOADS = [*SWEEP, "open:1000", "closed:8+think=1s"]
CAPACITY = {"base": 1000, "base@aa": 1000, "fast": 8000}
BLOCKS = 8


def outcome(block: int, arm: str, load: str) -> Outcome:
    """A user alone gets 200 responses per second, from the fast stack 250."""
    of = trial(block, arm, load=load)
    if load == "closed:8+think=1s":
        return sample(of, 100, in_flight_s=3.0, thinking_s=13.0)
    users = Load.model_validate(load).amount
    alone = 250 if arm == "fast" else 200
    rps = min(alone * users, CAPACITY[arm]) * (1 + 0.01 * (block % 3))
    return sample(of, rps, latency=histogram({users / rps * 1e3: round(2 * rps)}))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    found = [outcome(block, arm, load) for block in range(BLOCKS) for arm in CAPACITY for load in LOADS]
    facts = run_facts([stack("base", baseline=True), stack("fast")], [scenario("json")], BLOCKS)
    facts["profile"]["loads"] = LOADS
    folder = write_run(tmp_path / "run", facts, found)
    write_report(view_of(folder))
    return folder


def section(run: Path, title: str) -> str:
    return (run / "report.md").read_text().split(f"## {title}\n")[1].split("\n## ")[0]


def cells(text: str) -> list[list[str]]:
    """The first table of a section."""
    rows = [line for line in text.split("**What else")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]


def test_closed_loads_that_differ_in_their_users_have_one_section_and_one_table(run: Path) -> None:
    titles = re.findall(r"^## (json, .*)$", (run / "report.md").read_text(), re.MULTILINE)
    assert titles == ["json, 1 to 64 users", "json, 1,000 requests/s offered", "json, 8 users, think time 1 s"]
    head, _, *rows = cells(section(run, titles[0]))
    assert head[:4] == ["stack", "users", "requests/s, 95 % interval", "against base, throughput"]
    assert [(row[0], row[1], row[2].split(" ")[0]) for row in rows] == [
        ("fast", "1", "252"),
        ("fast", "8", "2,020"),
        ("fast", "64", "8,070"),
        ("base", "1", "202"),
        ("base", "8", "1,010"),
        ("base", "64", "1,010"),
    ]
    assert rows[2][3].startswith("faster 8.00 x")
    assert "- **at 64 users**: fast: 8.00 times the throughput of base" in section(run, titles[0])


def test_one_picture_shows_throughput_and_latency_by_users(run: Path) -> None:
    names = {path.name for path in (run / "charts").iterdir()}
    assert names >= {"json-closed-sweep.svg", "json-open-1000.svg", "json-closed-8-think-1s.svg"}
    assert "](charts/json-closed-sweep.svg)" in (run / "report.md").read_text()
    drawn = {one.slug: one for picture in contents.of(view_of(run)).pictures for one in picture.charts}
    for slug in ("json-closed-sweep", "json-closed-sweep-p50", "json-closed-sweep-p99"):
        points = [(row["stack"], row["users"]) for row in rows_of(drawn[slug])]
        assert sorted(points) == [(stack, users) for stack in ("base", "fast") for users in (1, 8, 64)]
    assert 'id="json-closed-sweep"' in (run / "report.html").read_text()


def test_the_ratios_to_the_baseline_have_a_row_for_each_number_of_users(run: Path) -> None:
    throughput = section(run, "Every stack beside the baseline").split("### CPU time per request")[0].split("### ")[1]
    rows = {row[1]: row for row in cells(throughput)[2:]}
    assert [rows[users][2] for users in ("1 user", "8 users", "64 users")] == [
        "202 requests/s",
        "1,010 requests/s",
        "1,010 requests/s",
    ]
    assert rows["64 users"][3].startswith("faster 8.00 x")
    assert rows["1 user"][3].startswith("faster 1.25 x")


def test_users_that_think_are_shown_with_the_mean_requests_in_flight(run: Path) -> None:
    head, _, first, *_ = cells(section(run, "json, 8 users, think time 1 s"))
    assert first[head.index("in flight, requests, mean")] == "1.50"
    ratios = section(run, "Every stack beside the baseline")
    row = next(row for row in cells(ratios) if row[1] == "8 users, think time 1 s")
    assert row[2] == "100 requests/s 1.50 in flight"
    assert row[3].startswith("equal within 5 % 1.00 x")
    assert row[3].endswith("1.50 in flight")
    assert "Throughput under closed load, think time 1 s: the minimum detectable difference" in ratios
    assert "Throughput under closed load: the minimum detectable difference" in ratios
