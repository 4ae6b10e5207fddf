"""What README and docs say of the committed runs in prose is what these say."""

import csv
import math
import statistics
from collections import defaultdict
from pathlib import Path

import pytest

from benchmarks import resolution
from lab.calibrate.noise_floor import PLAIN
from lab.calibrate.result import Calibration
from lab.model.outcome import Sample
from lab.paths import ROOT
from lab.run.store import RunFolder

REFERENCE = ROOT / "results/reference"
PATIENT = ("wait", "stream")
"""Scenarios in which the server's CPU is not the bound."""


def prose(document: str) -> str:
    """A document with its lines joined, so that a sentence is found wherever it is broken."""
    return " ".join((ROOT / document).read_text().split())


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_readme_says_what_the_trip_to_a_thread_costs() -> None:
    """ "About a third" of a request, of small ones."""
    costs = {
        (row["stack"], row["scenario"]): float(row["cpu_us_per_request"])
        for row in rows(REFERENCE / "standard-docker/summary.csv")
        if row["load"] == "closed:64"
    }
    trips = {
        name: costs["fastapi-def", name] / costs["fastapi-uvicorn", name] - 1
        for name in ("json", "parse/plain", "crunch/inline")
    }
    assert (
        "The trip there costs about a third of a small request (`json`, `parse/plain`), and little beside a long one"
        in prose("README.md")
    )
    assert all(0.25 < trips[name] < 0.42 for name in ("json", "parse/plain")), trips
    assert trips["crunch/inline"] < 0.1


def test_readme_says_how_far_servers_differ() -> None:
    found: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for row in rows(REFERENCE / "standard-all-docker/comparisons.csv"):
        if row["metric"] == "rps" and row["factors"] in ("server", "handlers"):
            found[f"{row['factors']} {row['scenario']}"][row["stack"], row["baseline"]] = abs(
                math.log(float(row["ratio"]))
            )
    handlers = next(
        log for pair, log in found["handlers json"].items() if set(pair) == {"fastapi-uvicorn", "fastapi-def"}
    )
    far = [log >= handlers for log in found["server json"].values()]
    assert (
        "On `json`, half of the pairs of servers differ as much as `async def` and `def` on Uvicorn, or more."
        in prose("README.md")
    )
    assert sum(far) * 2 == len(far)
    assert "On `wait`, none differs by more than a few per cent." in prose("README.md")
    assert max(found["server wait"].values()) < math.log(1.06)


def test_method_says_how_far_throughput_varies_and_which_cell_is_slowest() -> None:
    counts: dict[tuple[str, str], list[int]] = defaultdict(list)
    for one in RunFolder(REFERENCE / "standard-docker").outcomes():
        if isinstance(one, Sample) and one.trial.load.kind == "closed":
            counts[one.trial.stack, one.trial.scenario].append(one.driven.completed)
    most = max(statistics.stdev(map(math.log, cell)) for cell in counts.values())
    assert f"Throughput varies by up to {100 * most:.0f} % between the trials of standard-docker" in prose(
        "docs/method.md"
    )
    slowest = min(rows(REFERENCE / "standard-docker/summary.csv"), key=lambda row: float(row["rps"]))
    assert (slowest["scenario"], slowest["load"]) == ("crunch/inline", "open:25%")
    assert (
        f"about {round(float(slowest['rps']), -1):.0f} requests/s, so ten windows of 1 s have hardly a thousand"
        in prose("docs/method.md")
    )


def test_resolution_shows_the_noise_of_the_committed_runs() -> None:
    table = list(resolution.noise())
    assert "\n".join(["", *table, ""]) in (ROOT / "docs/resolution.md").read_text()
    cells = [line.strip("| ").split(" | ") for line in table[2:]]
    shares = [float(whole) / float(half) for _, cell, _, _, half, whole, *_ in cells if not cell.startswith(PATIENT)]
    said = f"A window of 1 s has {min(shares):.2f} to {max(shares):.2f} of the noise of half of it"
    assert said in prose("docs/resolution.md")


def test_calibration_says_what_the_committed_one_has() -> None:
    found = Calibration.model_validate_json((REFERENCE / "calibration.json").read_text())
    finer = {one.figure.partition(",")[0]: one.value for one in found.findings if "resolution per minute" in one.figure}
    text = prose("docs/calibration.md")
    assert f"The committed calibration has {finer['standard']} (standard) and {finer['quick']} (quick)" in text
    plain = {floor.profile: floor for floor in found.noise if floor.design == "plain"}
    beside = {name: 1 - len(floor.trials) * PLAIN[name][2] / floor.took_s for name, floor in plain.items()}
    assert f"about {10 * round(10 * beside['standard'])} % of the standard profile's time beside its windows" in text
    assert f"and {10 * round(10 * beside['quick'])} % of the quick one's" in text
    assert "its windows of 2 s were as noisy as those of 1 s" in text
    own = next(floor for floor in found.noise if (floor.profile, floor.design) == ("standard", "profile"))
    assert plain["standard"].spread["rps"] == pytest.approx(own.spread["rps"], rel=0.15)


def test_the_sentence_to_copy_quotes_its_run() -> None:
    """Ratio and interval of the contrast, its bound, and where it was measured."""
    run = REFERENCE / "standard-docker"
    cell = {"scenario": "json", "load": "closed:64"}
    (row,) = (
        row
        for row in rows(run / "comparisons.csv")
        if {
            **cell,
            "stack": "fastapi-def",
            "baseline": "fastapi-uvicorn",
            "metric": "rps",
            "verdict": "different",
        }.items()
        <= row.items()
    )
    ratio, low, high = (f"{1 / float(row[name]):.2f}" for name in ("ratio", "hi", "lo"))
    said = prose("docs/quoting.md").replace(" > ", " ")
    assert (
        f"gave {ratio} times the throughput ({float(row['confidence']):.0%} interval {low} to {high})".replace(
            "%", " %"
        )
        in said
    )
    bounds = {one["bound_by"] for one in rows(run / "summary.csv") if cell.items() <= one.items()}
    assert bounds == {"server CPU"}
    facts = RunFolder(run).read_run()
    machine, profile = facts["machine"], facts["profile"]
    assert (
        f"Measured on {facts['started_at'][:10]} with async-lab at commit {facts['git']['commit'][:7]}, profile {profile['name']}, "
        f"{row['blocks']} blocks with windows of {profile['window_s']:g} s, in containers, 1 worker on one CPU of {machine['cpus']} "
        f"({machine['cpu']}), {'.'.join(machine['system'].split('.')[:2])}."
    ) in said  # fmt: skip
    assert (facts["runtime"], len(facts["cpu_plan"]["server"])) == ("docker", 1)
