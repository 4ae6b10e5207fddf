"""What is known before it is measured: waits, slots and pools say how often real stacks can answer, and how late.

Every run compares its stacks with the HTTP contract first, so all stacks conform to it here as processes.
"""

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
    checked = done.stderr.partition("Checking every stack")[2].partition("Measuring: ")[0].splitlines()
    assert checked[1:] == []  # nothing was found that the contract does not allow
    return checkout / "results" / run


def table(run: Path) -> list[dict[str, str]]:
    with (run / "summary.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def rows(run: Path) -> list[dict[str, str]]:
    found = table(run)
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


@pytest.mark.timeout(2 * PATIENCE_S)
def test_every_stack_answers_as_often_as_its_pool_allows(checkout: Path) -> None:
    """64 users on 20 connections, each held for 100 ms; three stacks declare another number of them.

    Flask's async views connect for each request, for which the database of some machines has too little CPU time. Stacks that
    the machine disturbed are measured again.
    """
    found: dict[str, tuple[float, float, str]] = {}
    stacks = "all"
    for _ in range(8):
        run = measured(checkout, stacks, "db/one?ms=100", "closed:64")
        limits = json.loads((run / "run.json").read_text())["limits"]
        seen = table(run)
        found |= {
            row["stack"]: (float(row["rps"]), limits[row["stack"]][row["scenario"]]["slots"], row["bound_by"])
            for row in seen
            if row["outcome"] == "valid"
        }
        assert [row["reason"] for row in seen if row["outcome"] == "failed"] == []
        stacks = ",".join(row["stack"] for row in seen if row["stack"] not in found)
        if not stacks:
            break
    assert stacks == "", "disturbed each time"
    if found["flask-async"][2] == "database":
        del found["flask-async"]
    assert {stack for stack, (_, gate, _) in found.items() if gate != 20} <= {"flask-sync", "flask-async", "laravel"}
    assert {stack: rps for stack, (rps, _, _) in found.items()} == pytest.approx(
        {stack: gate / 0.1 for stack, (_, gate, _) in found.items()}, rel=0.06
    )
    assert {bound for _, _, bound in found.values()} == {"server slots"}
