"""What is known before it is measured: waits, slots and pools say how often real stacks can answer, and how late."""

import csv
import json
from itertools import count
from pathlib import Path

import pytest

from tests.conftest import PATIENCE_S, lab, remeasured

pytestmark = [pytest.mark.slow, pytest.mark.timeout(PATIENCE_S)]

ATTEMPTS = count()


def measured(checkout: Path, stacks: str, scenario: str, loads: str) -> Path:
    """The folder of a run of one block."""
    run = f"known-{next(ATTEMPTS)}"
    words = {"STACKS": stacks, "SCENARIOS": scenario, "LOADS": loads, "BLOCKS": "1", "WINDOW": "2"}
    done = lab(checkout, "bench", env={"PROFILE": "smoke", "RUNTIME": "process", "RUN": run, **words})
    assert done.returncode in (0, 1), done.stderr
    return checkout / "results" / run


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "summary.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["reason"] for row in found if row["outcome"] != "valid"] == []
    return found


@remeasured
def test_threads_answer_as_often_as_users_and_slots_allow(checkout: Path) -> None:
    """40 threads, each held for 50 ms: more users get no more answers, and wait for the others'."""
    run = measured(checkout, "flask-gunicorn", "wait?ms=50", "closed:39,closed:45,closed:60,closed:100")
    found = {int(row["load"].removeprefix("closed:")): row for row in rows(run)}
    rps = {users: float(row["rps"]) for users, row in found.items()}
    p50_ms = {users: float(row["p50_ms"]) for users, row in found.items()}
    assert rps == pytest.approx({39: 780, 45: 800, 60: 800, 100: 800}, rel=0.06)
    assert p50_ms == pytest.approx({39: 50, 45: 56.25, 60: 75, 100: 125}, rel=0.06)


@remeasured
def test_every_stack_answers_as_often_as_its_pool_allows(checkout: Path) -> None:
    """64 users on 20 connections, each held for 100 ms; three stacks declare another number of them.

    Flask's async views connect for each request, for which the database of some machines has too little CPU time.
    """
    run = measured(checkout, "all", "db/one?ms=100", "closed:64")
    limits = json.loads((run / "run.json").read_text())["limits"]
    found = [row for row in rows(run) if (row["stack"], row["bound_by"]) != ("flask-async", "database")]
    slots = {row["stack"]: limits[row["stack"]][row["scenario"]]["slots"] for row in found}
    assert {stack for stack, gate in slots.items() if gate != 20} <= {"flask-sync", "flask-async", "laravel"}
    assert {row["stack"]: float(row["rps"]) for row in found} == pytest.approx(
        {stack: gate / 0.1 for stack, gate in slots.items()}, rel=0.06
    )
    assert {row["bound_by"] for row in found} == {"server slots"}
