"""Variants of stacks, started and measured: with other budgets, several workers, another Python."""

import contextlib
import csv
import json
import subprocess
from itertools import count
from pathlib import Path

import pytest

from lab.config.project import Project
from lab.host.machine import usable
from lab.model.outcome import OUTCOME, Sample
from lab.paths import COMPOSE_PROJECT
from lab.runtime import docker
from tests.conftest import assert_measured, lab, needs, needs_engine, remeasured

ATTEMPTS = count()
PROFILE = """
[tiny]
about = "for tests"
stacks = ["fastapi-by-hand+db_pool=2", "fastapi-by-hand"]
scenarios = ["db/one?ms=50"]
loads = ["closed:8"]
blocks = 1
reruns = 0
warmup_s = 0.1
window_s = 0.5
timeout_s = 5.0
"""


@pytest.mark.slow
def test_a_variant_is_measured_beside_its_stack(checkout: Path, runtime: str) -> None:
    """With its A/A arm, as the run's first stack: eight users get 160 requests/s with 20 connections, and 40 with two."""
    few, usual = "fastapi-by-hand+db_pool=2", "fastapi-by-hand"
    with (checkout / "loadtests/profiles.toml").open("a") as profiles:
        profiles.write(PROFILE)
    assert_measured(lab(checkout, "bench", env={"PROFILE": "tiny", "RUN": "it", "RUNTIME": runtime}))
    run = checkout / "results/it"
    facts = json.loads((run / "run.json").read_text())
    assert facts["arms"] == [few, usual, f"{few}@aa"]
    assert [one["budget"]["db_pool"] for one in facts["stacks"]] == [2, 20]
    outcomes = [OUTCOME.validate_json(line) for line in (run / "trials.jsonl").read_text().splitlines()]
    completed = {one.trial.stack: one.driven.completed for one in outcomes if isinstance(one, Sample)}
    assert completed.keys() == {few, usual, f"{few}@aa"}
    assert completed[usual] > 2 * max(completed[few], completed[f"{few}@aa"])
    report = (run / "report.md").read_text()
    assert f"STACKS={few},{usual}" in report
    for name in (f"contract/{few}.log", f"block-00/{few}@aa.log"):
        assert (run / "logs" / name).exists()


@pytest.mark.slow
@needs(None if len(usable()) > 1 else "two workers need two CPUs")
@remeasured
def test_what_each_worker_did_is_measured(checkout: Path, runtime: str) -> None:
    """Users under closed load, of whom each keeps its connection, and with it the worker that accepted it."""
    cpus = ",".join(map(str, usable()[:2]))
    words = {"STACKS": "fastapi-uvicorn+workers=2", "SCENARIOS": "json", "LOADS": "closed:64", "WINDOW": "1"}
    run = checkout / f"results/it-{next(ATTEMPTS)}"
    env = {"PROFILE": "smoke", "RUN": run.name, "RUNTIME": runtime, "LAB_SERVER_CPUS": cpus, **words}
    assert_measured(lab(checkout, "bench", env=env))
    lines = (run / "trials.jsonl").read_text().splitlines()
    samples = [one for one in map(OUTCOME.validate_json, lines) if isinstance(one, Sample)]
    assert samples
    for one in samples:
        server = one.usage["server"]
        assert len(server.workers) == 2
        assert sum(worker.completed for worker in server.workers) == one.driven.completed
        used_s = sum(worker.cpu_s or 0 for worker in server.workers)
        assert used_s == pytest.approx(server.cpu_s, rel=0.1)
        assert all((worker.memory_bytes or 0) > 20e6 for worker in server.workers)
    facts = json.loads((run / "run.json").read_text())
    assert "--workers 2" in facts["settings"]["fastapi-uvicorn+workers=2"]["command"]["value"]
    with (run / "summary.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["outcome"] == "valid", row["reason"]
    assert 0.5 <= float(row["busiest_worker"]) <= 1


@pytest.mark.slow
@needs(None if len(usable()) > 1 else "two workers need two CPUs")
@pytest.mark.parametrize(
    "variant",
    [
        "flask-gunicorn+workers=2+slots=8+db_pool=5+upstream_connections=9+keep_alive_s=5+backlog=100",
        "fastapi-uvicorn+workers=2+slots=8+db_pool=5+upstream_connections=9+keep_alive_s=5+backlog=100",
        "fastapi-gunicorn+workers=2+slots=8+db_pool=5+upstream_connections=9+keep_alive_s=5",
        "flask-granian+workers=2+slots=8+db_pool=5+upstream_connections=9+backlog=200",
        "quart-hypercorn+workers=2+slots=8+db_pool=5+upstream_connections=9+keep_alive_s=5+backlog=100",
        "flask-gevent+workers=2+slots=200",
    ],
)
def test_each_server_takes_what_a_variant_asks_for(checkout: Path, variant: str) -> None:
    words = {"STACKS": variant, "RUNTIME": "process", "QUICK": "1", "LAB_SERVER_CPUS": ",".join(map(str, usable()[:2]))}
    done = lab(checkout, "verify", env=words)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@needs_engine
def test_a_variant_runs_from_the_image_that_it_names(checkout: Path, tmp_path: Path) -> None:
    other = f"other-python:{COMPOSE_PROJECT}"
    base = Project.here().services["flask-gunicorn"].base_image
    (tmp_path / "Dockerfile").write_text(f"FROM {base}\nRUN mkdir /is-the-other\n")
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", other, tmp_path], check=True, capture_output=True, timeout=120
    )
    missing = lab(checkout, "up", "--stack=flask-gunicorn+python=no-such-image", "--runtime=docker")
    assert (missing.returncode, "the engine has no image no-such-image; call `docker pull" in missing.stderr) == (
        2,
        True,
    )
    name = f"flask-gunicorn+python={other}"
    try:
        done = lab(checkout, "up", f"--stack=flask-gunicorn,{name}", "--runtime=docker")
        assert done.returncode == 0, done.stderr
        with contextlib.closing(docker.connect()) as client:
            running = [one for one in client.containers.list() if one.labels.get(docker._SERVICE) == "flask-gunicorn"]
            found = [one.exec_run(["ls", "-d", "/is-the-other"]).exit_code == 0 for one in running]
        assert sorted(found) == [False, True]
    finally:
        lab(checkout, "clean")
        subprocess.run(["docker", "rmi", "--force", other], check=True, capture_output=True, timeout=60)


@pytest.mark.slow
@needs_engine
def test_servers_of_another_language_take_a_budget_too(checkout: Path) -> None:
    words = {"RUNTIME": "docker", "QUICK": "1", "SLOTS": "80", "DB_POOL": "10"}
    done = lab(
        checkout,
        "verify",
        env={**words, "STACKS": "express+keep_alive_s=5+backlog=100,laravel+keep_alive_s=5+backlog=100"},
    )
    assert done.returncode == 0, done.stderr
