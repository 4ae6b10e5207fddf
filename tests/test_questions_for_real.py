"""Loads and mixtures that a person names on the command line, measured on real stacks in both runtimes."""

import csv
from itertools import count
from pathlib import Path

import pytest

from tests.conftest import PATIENCE_S, assert_measured, lab, remeasured

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * PATIENCE_S)]

ATTEMPTS = count()
Rows = dict[tuple[str, str], dict[str, str]]


def measured(checkout: Path, runtime: str, **words: str) -> tuple[Rows, str]:
    """The valid rows of fastapi-uvicorn by scenario and load, and the report; a run with a disturbed row is made again."""
    for _ in range(4):
        run = checkout / f"results/asked-{next(ATTEMPTS)}"
        env = {"PROFILE": "smoke", "RUNTIME": runtime, "RUN": run.name, "STACKS": "fastapi-uvicorn", **words}
        assert_measured(lab(checkout, "bench", env=env))
        with (run / "summary.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        disturbed = [row["reason"] for row in rows if row["outcome"] == "invalid"]
        if not disturbed:
            break
    assert not disturbed
    found = {(row["scenario"], row["load"]): row for row in rows if row["outcome"] == "valid"}
    return found, (run / "report.md").read_text()


@remeasured
def test_loads_of_every_kind_are_measured_in_one_run(checkout: Path, runtime: str) -> None:
    loads = ["closed:8", "closed:8+new-connections", "closed:100+think=500ms", "open:25%+constant", "open:burst"]
    rows, report = measured(checkout, runtime, SCENARIOS="json", LOADS=",".join(loads), WINDOW="3")
    found = {load: rows["json", load] for load in loads}
    assert [float(found[load]["connects_per_request"]) for load in loads[:3]] == [0, 1, 0]
    assert float(found["closed:8"]["rps"]) > 1.2 * float(found["closed:8+new-connections"]["rps"])
    assert float(found["closed:100+think=500ms"]["rps"]) == pytest.approx(200, rel=0.05)
    assert 0 < float(found["closed:100+think=500ms"]["in_flight"]) < 10
    assert float(found["open:25%+constant"]["rps"]) == pytest.approx(float(found["closed:8"]["rps"]) / 4, rel=0.1)
    assert 0 <= float(found["open:burst"]["recovery_s"]) < 1  # 0 where eight users had not filled the server
    assert f"LOADS={','.join(loads)}" in report


@remeasured
def test_scenarios_beside_each_other_are_measured_in_one_run(checkout: Path, runtime: str) -> None:
    mixed, probed = "db/one*3+json", "crunch/inline+json=probe@50/s"
    rows, report = measured(checkout, runtime, SCENARIOS=f"{mixed},{probed}", LOADS="closed:8", WINDOW="2")
    assert rows.keys() == {
        (mixed, "closed:8"),
        ("db/one beside json, closed:8", "closed:6"),
        ("json beside db/one*3, closed:8", "closed:2"),
        ("db/one", "closed:6"),
        ("json", "closed:2"),
        (probed, "closed:8"),
        ("json beside crunch/inline, closed:8", "open:50"),
        ("crunch/inline", "closed:8"),
        ("json", "open:50"),
    }
    parts = (("db/one beside json, closed:8", "closed:6"), ("json beside db/one*3, closed:8", "closed:2"))
    together = sum(float(rows[name]["rps"]) for name in parts)
    assert float(rows[mixed, "closed:8"]["rps"]) == pytest.approx(together, rel=0.01)
    alone, beside = rows["json", "open:50"], rows["json beside crunch/inline, closed:8", "open:50"]
    assert float(beside["p50_ms"]) > 3 * float(alone["p50_ms"])
    assert "## What scenarios do to each other" in report
    assert "Partial run" not in report
