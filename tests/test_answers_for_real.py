"""A run of statements on real stacks: only their cells are measured, and the verdicts are written."""

import csv
import json
from itertools import count
from pathlib import Path

import pytest

from tests.conftest import PATIENCE_S, lab, remeasured

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * PATIENCE_S)]

ATTEMPTS = count()


@remeasured
def test_a_statement_is_decided_by_the_cells_that_it_needs(checkout: Path) -> None:
    run = checkout / f"results/answers-{next(ATTEMPTS)}"
    words = {
        "STACKS": "fastapi-uvicorn,fastapi-def",
        "SCENARIOS": "db/one,db/one?ms=20",
        "BLOCKS": "6",
        "WINDOW": "0.5",
    }
    done = lab(checkout, "bench", env={"PROFILE": "answers", "RUNTIME": "process", "RUN": run.name, **words})
    assert done.returncode == 0, done.stderr
    with (run / "summary.csv").open(newline="") as file:
        cells = {(row["stack"], row["scenario"], row["load"]) for row in csv.DictReader(file)}
    assert cells == {
        (stack, *cell)
        for stack in ("fastapi-uvicorn", "fastapi-def")
        for cell in (("db/one", "closed:64"), ("db/one", "closed:1"), ("db/one?ms=20", "closed:64"))
    }
    answers = {one["id"]: one for one in json.loads((run / "answers.json").read_text())["answers"]}
    assert answers["db"]["verdict"] in ("supported", "refuted", "inconclusive")
    effect = answers["db"]["effect"]
    assert effect["repeats"] == 6
    assert effect["lo"] < effect["value"] < effect["hi"]
    assert {answers[name]["verdict"] for name in ("create", "slots", "file-slow")} == {"not_measured"}
    assert "Should it be async?" in (run / "report.md").read_text()
    assert f"db: {answers['db']['statement']}" in done.stdout
