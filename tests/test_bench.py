"""`bench` for real: real servers, real PostgreSQL, real Locust, short windows, in both runtimes."""

import csv
import hashlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from lab.analysis.validity.causes import Cause
from lab.analysis.validity.limits import Limits
from lab.analysis.validity.verdict import judge
from lab.model.outcome import OUTCOME, Failure, Sample
from lab.runtime import readiness
from lab.runtime.docker import connect
from tests.conftest import ENGINE_MISSING, PORTS, assert_measured, command, edit, environment, lab, until

TINY = """
[tiny]
about = "for tests"
stacks = ["flask-gunicorn", "fastapi-uvicorn", "quart-hypercorn"]
scenarios = ["json", "db/one", "wait?ms=10"]
aa_scenarios = ["json"]
loads = ["closed:4"]
blocks = 1
reruns = 0
warmup_s = 0.1
window_s = 0.3
timeout_s = 5.0
"""
PORT_OF = {"postgres": PORTS * 100 + 91, "upstream": PORTS * 100 + 92}
DISK_FULL = "echo the disk is full; exit 7"


@pytest.fixture
def bench(checkout: Path, runtime: str) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs `bench` with a profile of a few seconds in a copy of the checkout."""
    with (checkout / "loadtests" / "profiles.toml").open("a") as profiles:
        profiles.write(TINY)

    def run(**words: str) -> "subprocess.CompletedProcess[str]":
        return lab(checkout, "bench", env={"PROFILE": "tiny", "RUNTIME": runtime, "RUN": "it", **words})

    return run


@pytest.fixture(autouse=True)
def nothing_left(checkout: Path) -> Iterator[None]:
    """After every run of this file: no process and no container of the copy."""
    yield
    assert started_from(checkout) == []
    assert containers_of(checkout) == []


def started_from(checkout: Path) -> list[str]:
    """Command lines of processes whose folder is the copy, the driver included."""
    there = (process.info for process in psutil.process_iter(["cwd", "cmdline"]))
    return [" ".join(info["cmdline"]) for info in there if info["cwd"] == str(checkout)]


def containers_of(checkout: Path) -> list[str]:
    if ENGINE_MISSING:
        return []
    project = "async-lab-" + hashlib.sha256(str(checkout).encode()).hexdigest()[:8]
    client = connect()
    names = [container.name for container in client.containers.list(all=True)]
    client.close()
    return [str(name) for name in names if str(name).startswith(project)]


def outcomes(checkout: Path) -> list[Sample | Failure]:
    lines = (checkout / "results/it/trials.jsonl").read_text().splitlines()
    return [OUTCOME.validate_json(line) for line in lines]


def rows(checkout: Path) -> list[dict[str, str]]:
    with (checkout / "results/it/summary.csv").open() as table:
        return list(csv.DictReader(table))


def test_a_run_ends_with_a_row_for_every_cell_and_a_report(bench: Callable, checkout: Path, runtime: str) -> None:
    done = bench(SEED="7")
    assert_measured(done)
    stacks = {"flask-gunicorn", "fastapi-uvicorn", "quart-hypercorn"}
    assert {(row["stack"], row["scenario"]) for row in rows(checkout)} == {
        (stack, scenario) for stack in stacks for scenario in ("json", "db/one", "wait?ms=10")
    }
    run = json.loads((checkout / "results/it/run.json").read_text())
    assert run["runtime"] == runtime
    assert run["ended_at"]
    assert run["overhead"]["trial_median_s"] < 5
    assert "flask" in run["versions"]["flask-gunicorn"]
    assert run["versions"]["postgres"]["postgresql"].startswith("17" if runtime == "docker" else "18")
    assert bool(run["not_applied"]) == (runtime == "process")
    html = (checkout / "results/it/report.html").read_text()
    assert "fastapi-uvicorn" in html
    assert re.findall(r"""(?:src|href)=["'](?!#)|url\(|@import""", html) == [], "it needs the network"
    assert (checkout / "results/latest").resolve() == (checkout / "results/it").resolve()


@pytest.mark.parametrize("runtime", ["process"], indirect=True)
def test_every_sample_says_what_each_role_used(bench: Callable, checkout: Path) -> None:
    assert_measured(bench(STACKS="fastapi-uvicorn", SCENARIOS="db/one"))
    for outcome in outcomes(checkout):
        assert isinstance(outcome, Sample)
        assert outcome.driven.completed > 0
        assert outcome.driven.errors == {}
        for role in ("server", "generator", "database"):
            used = outcome.usage[role]
            assert used.cpu_s is not None
            assert used.cpu_s > 0
            assert used.memory_bytes is not None
            assert used.threads is not None


@pytest.mark.parametrize("runtime", ["process"], indirect=True)
def test_a_run_that_is_finished_is_never_overwritten(bench: Callable, checkout: Path) -> None:
    words = {"STACKS": "fastapi-uvicorn", "SCENARIOS": "json"}
    assert_measured(bench(**words))
    before = (checkout / "results/it/trials.jsonl").read_bytes()
    again = bench(**words)
    assert again.returncode == 2
    assert "never overwritten" in again.stderr
    assert (checkout / "results/it/trials.jsonl").read_bytes() == before


@pytest.mark.usefixtures("bench")
def test_an_interrupted_run_is_kept_reported_as_partial_and_resumed(checkout: Path, runtime: str) -> None:
    words = {"PROFILE": "tiny", "RUNTIME": runtime, "RUN": "it", "STACKS": "flask-gunicorn,fastapi-uvicorn"}
    block = 7  # two stacks on three scenarios, and the A/A arm on one
    edit(checkout / "loadtests/profiles.toml", "blocks = 1\nreruns", "blocks = 2\nreruns")
    process = subprocess.Popen(
        command("bench"), cwd=checkout, env=environment(words), stderr=subprocess.PIPE, text=True
    )
    try:
        trials = checkout / "results/it/trials.jsonl"
        until(lambda: trials.exists() and len(trials.read_text().splitlines()) > block, 120)
        process.send_signal(signal.SIGINT)
        stderr = process.communicate(timeout=60)[1]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 1, stderr
    measured = len(outcomes(checkout))
    assert block < measured < 2 * block
    assert "Partial" in (checkout / "results/it/report.html").read_text()
    assert not (checkout / "results/latest").exists()
    assert started_from(checkout) == []
    assert containers_of(checkout) == []

    done = lab(checkout, "bench", env={"RUN": "it"})  # profile and runtime are those of the run
    assert_measured(done)
    blocks = [(outcome.trial.block, outcome.trial.attempt) for outcome in outcomes(checkout)]
    assert blocks[:block] == [(0, 0)] * block
    assert blocks[-block:] == [(1, 1)] * block


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize("runtime", ["process"], indirect=True)
def test_a_block_of_which_all_trials_are_on_disk_is_written_down_whoever_ends_the_run(
    checkout: Path, runtime: str
) -> None:
    words = {"PROFILE": "tiny", "RUNTIME": runtime, "RUN": "it", "STACKS": "fastapi-uvicorn", "SCENARIOS": "json"}
    edit(checkout / "loadtests/profiles.toml", "blocks = 1\nreruns", "blocks = 2\nreruns")
    process = subprocess.Popen(command("bench"), cwd=checkout, env=environment(words))
    try:
        trials = checkout / "results/it/trials.jsonl"
        until(lambda: trials.exists() and len(trials.read_text().splitlines()) >= 2, 120)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 1
    assert (checkout / "results/it/blocks.jsonl").read_text().count('"block":0') == 1


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize("runtime", ["process"], indirect=True)
def test_a_run_that_is_killed_during_the_contract_check_can_be_resumed(checkout: Path, runtime: str) -> None:
    words = {"PROFILE": "tiny", "RUNTIME": runtime, "RUN": "it", "STACKS": "fastapi-uvicorn", "SCENARIOS": "json"}
    process = subprocess.Popen(command("bench"), cwd=checkout, env=environment(words))
    try:
        until((checkout / "results/it/logs/contract").exists, 120)
    finally:
        process.kill()
        process.wait()
    lab(checkout, "down")
    done = lab(checkout, "bench", env={"RUN": "it"})
    assert done.returncode in (0, 1), done.stderr  # 1 where the machine was busy
    assert len(outcomes(checkout)) == 2


def test_a_stack_that_dies_a_wrong_body_and_an_error_are_failures_with_reason_and_log(
    bench: Callable, checkout: Path
) -> None:
    edit(checkout / "docker-compose.yml", "      - stacks.quart.app:app", "      - stacks.quart.no_such_module:app")
    edit(checkout / "stacks/flask/app.py", "Hello, World!", "Hello, Mars!")
    done = bench(SCENARIOS="json,wait?ms=10")
    assert done.returncode == 1, done.stderr
    failed = {
        (outcome.trial.stack, outcome.trial.scenario): outcome
        for outcome in outcomes(checkout)
        if isinstance(outcome, Failure)
    }
    assert set(failed) == {
        ("quart-hypercorn", "json"),
        ("quart-hypercorn", "wait?ms=10"),
        ("flask-gunicorn", "json"),
    }
    assert "not running" in failed["quart-hypercorn", "json"].reason
    assert any("no_such_module" in line for line in failed["quart-hypercorn", "json"].log_tail)
    assert "Hello, Mars!" in failed["flask-gunicorn", "json"].reason
    assert judge(failed["flask-gunicorn", "json"], Limits()).cause is Cause.OFF_CONTRACT
    failed_rows = {(row["stack"], row["scenario"]) for row in rows(checkout) if row["outcome"] == "failed"}
    assert failed_rows == set(failed)
    assert all(row["rps"] == "" for row in rows(checkout) if row["outcome"] == "failed")


def run_whose_service_dies(
    checkout: Path, service: str, scenario: str, meanwhile: Callable[[], object]
) -> tuple[int, str]:
    """Exit status and standard error of a run of two blocks in which a service is killed as the first block begins."""
    edit(checkout / "loadtests/profiles.toml", "blocks = 1\nreruns", "blocks = 2\nreruns")
    words = {"PROFILE": "tiny", "RUNTIME": "process", "RUN": "it", "STACKS": "fastapi-uvicorn", "SCENARIOS": scenario}
    run = subprocess.Popen(command("bench"), cwd=checkout, env=environment(words), stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: (checkout / "results/it/logs/block-00/fastapi-uvicorn.log").exists(), 120)
        meanwhile()
        readiness.listeners()[PORT_OF[service]].kill()
        stderr = run.communicate(timeout=120)[1]
    finally:
        run.kill()
        run.wait()
    assert "Traceback" not in stderr
    return run.returncode, stderr


@pytest.mark.parametrize("runtime", ["process"], indirect=True)
@pytest.mark.parametrize(("service", "scenario"), [("postgres", "db/one"), ("upstream", "http/one")])
@pytest.mark.usefixtures("bench")
def test_a_service_that_died_is_there_again_for_the_next_block(checkout: Path, service: str, scenario: str) -> None:
    _, stderr = run_whose_service_dies(checkout, service, scenario, lambda: None)
    assert f"{service} was started again." in stderr
    found = outcomes(checkout)
    assert all(isinstance(one, Failure) and one.lab_fault for one in found if one.trial.block == 0)
    seconds = [one for one in found if one.trial.block == 1]
    assert seconds
    for one in seconds:
        assert isinstance(one, Sample), "what a dead service costs is one block"
        assert one.driven.completed > 0
        assert one.driven.errors == {}


@pytest.mark.parametrize("runtime", ["process"], indirect=True)
@pytest.mark.usefixtures("bench")
def test_a_run_whose_service_cannot_be_had_again_stops_and_keeps_what_it_measured(checkout: Path) -> None:
    serve = checkout / "services/postgres/serve"
    status, stderr = run_whose_service_dies(checkout, "postgres", "json", lambda: serve.write_text(DISK_FULL))
    assert status == 1, stderr
    assert "postgres is not running (exit status 7)" in stderr
    assert "the disk is full" in stderr
    assert "What was measured is kept" in stderr
    assert {outcome.trial.block for outcome in outcomes(checkout)} == {0}
    assert (checkout / "results/it/report.html").exists()


@pytest.mark.parametrize("runtime", ["process"], indirect=True)
def test_a_start_that_fails_says_its_log_and_keeps_it(bench: Callable, checkout: Path) -> None:
    (checkout / "services/postgres/serve").write_text(DISK_FULL)
    done = bench(SCENARIOS="json")
    assert done.returncode == 2
    assert "the disk is full" in done.stderr
    assert not (checkout / "results/it").exists(), "a run that measured nothing leaves no folder that looks like one"
    kept = checkout / ".lab/logs/it/postgres.log"
    assert "the disk is full" in kept.read_text()
    assert ".lab/logs/it" in done.stderr


@pytest.mark.parametrize("runtime", ["process"], indirect=True)
def test_a_run_of_which_every_trial_fails_ends_in_a_sentence_and_not_in_a_traceback(
    bench: Callable, checkout: Path
) -> None:
    edit(checkout / "docker-compose.yml", "      - stacks.quart.app:app", "      - stacks.quart.no_such_module:app")
    done = bench(STACKS="quart-hypercorn", SCENARIOS="json")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(
        "Exit status 1, because not all of this run was measured: quart-hypercorn json"
    )


@pytest.mark.parametrize("runtime", ["process"], indirect=True)
def test_a_run_ends_with_its_answer_on_standard_output(bench: Callable) -> None:
    done = bench(STACKS="flask-gunicorn,fastapi-uvicorn", SCENARIOS="json")
    said = done.stdout.splitlines()
    assert said[0] == "Against fastapi-uvicorn, by the ratio inside each block, with its interval:"
    assert said[1].startswith("json, 4 users")
    assert re.match(
        "  (no claim|invalid|no comparison): flask-gunicorn", said[2].replace(", the baseline is not valid", "")
    )


@pytest.mark.parametrize("runtime", ["process"], indirect=True)
def test_a_port_that_is_taken_fails_that_stack_only(bench: Callable, checkout: Path, listener: Callable) -> None:
    listener(PORTS * 100 + 3)
    done = bench(SCENARIOS="json", STACKS="fastapi-uvicorn,quart-hypercorn")
    assert done.returncode == 1, done.stderr
    reasons = {outcome.reason for outcome in outcomes(checkout) if isinstance(outcome, Failure)}
    assert reasons == {
        f"Port {PORTS}03 is taken by another program ({psutil.Process().name()}, process {os.getpid()})."
    }
    assert {row["outcome"] for row in rows(checkout) if row["stack"] == "fastapi-uvicorn"} <= {"valid", "invalid"}


@pytest.mark.parametrize("runtime", ["process"], indirect=True)
def test_a_taken_database_port_starts_nothing(bench: Callable, checkout: Path, listener: Callable) -> None:
    listener(PORTS * 100 + 91)
    done = bench(SCENARIOS="json")
    assert done.returncode == 2
    assert f"Port {PORTS}91 of postgres is taken" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (checkout / "results/it").exists()
