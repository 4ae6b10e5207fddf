"""What a report says of more and more users, and of users that think."""

import re
from pathlib import Path

import pytest

from lab.model.loads import Load
from lab.model.outcome import Outcome
from lab.report.view import view_of
from lab.report.write import write_report
from tests.synthetic import histogram, run_facts, sample, scenario, stack, trial, write_run

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
    assert names == {"json-closed-sweep.svg", "json-open-1000.svg", "json-closed-8-think-1s.svg"}
    assert "](charts/json-closed-sweep.svg)" in (run / "report.md").read_text()
    svg = (run / "charts" / "json-closed-sweep.svg").read_text()
    points = re.findall(r'aria-label="([^"]*)"[^>]*aria-roledescription="point"', svg)
    assert len(points) == 18, "two stacks at three loads, in three panels"
    assert sum("users: 64" in point and "stack: fast" in point for point in points) == 3
    assert 'id="json-closed-sweep"' in (run / "report.html").read_text()


def test_the_short_answer_says_at_how_many_users(run: Path) -> None:
    text = section(run, "The short answer")
    (entry,) = (line for line in text.splitlines() if "1 to 64 users" in line and line.startswith("- "))
    assert "baseline at 1 user 202 requests/s; at 8 users 1,010 requests/s; at 64 users 1,010 requests/s" in entry
    assert "*at 64 users, faster*: fast 8.00 x" in entry
    assert "*at 1 user, faster*: fast 1.25 x" in entry


def test_users_that_think_are_shown_with_the_mean_requests_in_flight(run: Path) -> None:
    head, _, first, *_ = cells(section(run, "json, 8 users, think time 1 s"))
    assert first[head.index("in flight, requests, mean")] == "1.50"
    answer = section(run, "The short answer")
    (entry,) = (line for line in answer.splitlines() if "think time 1 s, baseline" in line)
    assert "baseline 100 requests/s, 1.50 in flight" in entry
    assert "fast 1.50 in flight, 1.00 x" in entry
    assert "Throughput under closed load, think time 1 s: the minimum detectable difference" in answer
    assert "Throughput under closed load: the minimum detectable difference" in answer
