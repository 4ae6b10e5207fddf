"""`bench` for real: servers, PostgreSQL, Locust, short windows. The rules: test_session.py, test_blocks.py, test_session_that_fails.py."""

import csv
import hashlib
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.model.outcome import OUTCOME, Failure, Outcome, Role, Sample
from lab.runtime import readiness
from lab.runtime.docker import connect
from tests.conftest import (
    DISTURBED,
    ENGINE_MISSING,
    PATIENCE_S,
    PORTS,
    checkout_copied_to,
    command,
    edit,
    environment,
    lab,
    until,
)

PROFILE = """
[tiny]
about = "for tests"
stacks = ["fastapi-uvicorn", "quart-hypercorn"]
scenarios = ["json", "db/one", "crunch/inline?cpu_ms=1", "crunch/inline?cpu_ms=4"]
aa_scenarios = ["crunch/inline?cpu_ms=1"]
loads = ["closed:4"]
blocks = 2
reruns = 0
warmup_s = 0.1
window_s = 0.3
timeout_s = 5.0
"""
PER_BLOCK = 9
"""Two stacks on four scenarios, and the A/A arm on one."""
GOOD, DEAD = "fastapi-uvicorn", "quart-hypercorn"
"""A stack that serves as it should, and one that does not start."""
WORDS = {"PROFILE": "tiny", "RUN": "it"}
DATABASE_PORT = PORTS * 100 + 91
pytestmark = pytest.mark.timeout(PATIENCE_S)
DISK_FULL = "echo the disk is full; exit 7"


@dataclass
class Ran:
    """A run that was interrupted in its second block and resumed: what it left after each part."""

    runtime: str
    checkout: Path
    parts: list[tuple[int, str, str]] = field(default_factory=list)
    """Exit status, standard output and standard error of each part."""
    outcomes: list[list[Outcome]] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    has_latest: list[bool] = field(default_factory=list)
    left: list[list[str]] = field(default_factory=list)
    """Processes and containers of the copy that still ran."""

    def ended(self, status: int, stdout: str, stderr: str) -> None:
        """Note what there is at the end of a part."""
        run = self.checkout / "results/it"
        self.parts.append((status, stdout, stderr))
        self.outcomes.append(outcomes(self.checkout))
        self.facts.append(json.loads((run / "run.json").read_text()))
        self.reports.append((run / "report.html").read_text())
        self.has_latest.append((self.checkout / "results/latest").exists())
        self.left.append([*started_from(self.checkout), *containers_of(self.checkout)])

    @property
    def rows(self) -> dict[tuple[str, str], dict[str, str]]:
        with (self.checkout / "results/it/summary.csv").open() as table:
            return {(row["stack"], row["scenario"]): row for row in csv.DictReader(table)}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, runtime: str) -> Iterator[Ran]:
    """One run in each runtime, which the tests of this file look at."""
    with checkout_copied_to(tmp_path_factory.mktemp("bench") / "checkout") as copy:
        with_profile(copy)
        edit(copy / "docker-compose.yml", "      - stacks.quart.app:app", "      - stacks.quart.no_such_module:app")
        found, words = Ran(runtime, copy), {**WORDS, "RUNTIME": runtime, "SEED": "7"}
        with bench(copy, words) as process:
            until(lambda: count(copy / "results/it/trials.jsonl") > PER_BLOCK, 300)
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=120)
        found.ended(process.returncode, stdout, stderr)
        resumed = lab(copy, "bench", env={"RUN": "it"})  # profile and runtime are those of the run
        found.ended(resumed.returncode, resumed.stdout, resumed.stderr)
        yield found


class bench:  # noqa: N801 - reads as the command
    """A `bench` in the background that does not outlive the `with` statement."""

    def __init__(self, checkout: Path, words: dict[str, str]) -> None:
        self._checkout, self._words = checkout, words

    def __enter__(self) -> "subprocess.Popen[str]":
        self._process = subprocess.Popen(
            command("bench"),
            cwd=self._checkout,
            env=environment(self._words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.terminate()  # where it still runs, it stops its servers
        try:
            self._process.communicate(timeout=120)
        finally:
            self._process.kill()


def with_profile(checkout: Path) -> None:
    with (checkout / "loadtests" / "profiles.toml").open("a") as profiles:
        profiles.write(PROFILE)


def count(lines: Path) -> int:
    return len(lines.read_text().splitlines()) if lines.exists() else 0


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


def outcomes(checkout: Path) -> list[Outcome]:
    lines = (checkout / "results/it/trials.jsonl").read_text().splitlines()
    return [OUTCOME.validate_json(line) for line in lines]


def test_an_interrupted_run_is_kept_and_reported_as_partial(ran: Ran) -> None:
    status, _, stderr = ran.parts[0]
    assert status == 1, stderr
    assert "Traceback" not in stderr
    assert PER_BLOCK < len(ran.outcomes[0]) < 2 * PER_BLOCK
    assert "the run is not whole; RUN=it resumes it" in stderr.splitlines()[-1]
    assert "Partial" in ran.reports[0]
    assert ran.facts[0]["ended_at"] is None
    assert not ran.has_latest[0]


def test_no_process_and_no_container_outlives_a_run(ran: Ran) -> None:
    assert ran.left == [[], []]


def test_a_resumed_run_measures_the_block_that_was_interrupted_again(ran: Ran) -> None:
    before, after = ran.outcomes
    assert after[: len(before)] == before
    found = [(outcome.trial.block, outcome.trial.attempt) for outcome in after]
    assert found[:PER_BLOCK] == [(0, 0)] * PER_BLOCK
    assert found[-PER_BLOCK:] == [(1, 1)] * PER_BLOCK
    assert "Partial" not in ran.reports[1]
    assert ran.facts[1]["ended_at"]
    assert (ran.checkout / "results/latest").resolve() == (ran.checkout / "results/it").resolve()


def test_a_run_ends_with_a_row_for_every_cell_and_a_report_that_needs_no_network(ran: Ran) -> None:
    scenarios = ran.facts[1]["profile"]["scenarios"]
    assert ran.rows.keys() == {(stack, scenario) for stack in (GOOD, DEAD) for scenario in scenarios}
    assert GOOD in ran.reports[1]
    page = re.sub(r"<script\b.*?</script>", "", ran.reports[1], flags=re.DOTALL)
    assert re.findall(r"""src=["']|<link (?!rel="icon" href="data:,">)|url\(|@import""", page) == []


def test_a_run_says_what_it_ran_on(ran: Ran) -> None:
    facts = ran.facts[1]
    assert facts["runtime"] == ran.runtime
    assert facts["overhead"]["trial_median_s"] < 5
    assert "fastapi" in facts["versions"][GOOD]
    assert facts["versions"]["postgres"]["postgresql"].startswith("17" if ran.runtime == "docker" else "18")
    assert bool(facts["not_applied"]) == (ran.runtime == "process")


def test_every_sample_says_what_each_role_used(ran: Ran) -> None:
    samples = [one for one in ran.outcomes[1] if isinstance(one, Sample)]
    assert {one.trial.stack for one in samples} == {GOOD, f"{GOOD}@aa"}
    for one in samples:
        assert one.driven.completed > 0
        assert one.driven.errors == {}
    roles: tuple[Role, ...] = ("server", "generator", "database")
    for used in (one.usage[role] for one in samples if one.trial.scenario == "db/one" for role in roles):
        assert used.cpu_s is not None
        assert used.cpu_s > 0
        assert used.memory_bytes is not None
        assert used.threads is not None


def test_a_stack_that_does_not_start_is_a_failure_with_reason_and_log_and_has_no_numbers(ran: Ran) -> None:
    failure = next(one for one in ran.outcomes[1] if one.trial.stack == DEAD)
    assert isinstance(failure, Failure)
    assert "not running" in failure.reason
    assert any("no_such_module" in line for line in failure.log_tail)
    failed = {cell for cell, row in ran.rows.items() if row["outcome"] == "failed"}
    assert failed == {cell for cell in ran.rows if cell[0] == DEAD}
    assert all(ran.rows[cell]["rps"] == "" for cell in failed)


def test_a_run_that_failed_in_part_says_so_last(ran: Ran) -> None:
    status, _, stderr = ran.parts[1]
    assert status == 1
    assert "Traceback" not in stderr
    *lines, last = stderr.splitlines()
    assert last.startswith("Exit status 1, because not all of this run was measured: ")
    assert f"{DEAD} json closed:4 is failed" in last
    invalid = [line for line in lines if line.startswith("invalid: ")]
    assert [line for line in invalid if not DISTURBED.search(line)] == [], stderr


def test_a_run_ends_with_its_answer_on_standard_output(ran: Ran) -> None:
    said = ran.parts[1][1]
    assert f"Beside {GOOD}, by the ratio inside each block, with its interval" in said
    assert re.search(rf"^db/one +closed:4 +({GOOD}|{DEAD}) ", said, re.MULTILINE)
    assert "How sure is this?" in said


def test_cpu_ms_is_as_much_cpu_time_of_the_server_as_it_says(ran: Ran) -> None:
    rate, given = ran.facts[0]["cpu_ms"], {one["id"]: one["params"] for one in ran.facts[0]["scenarios"]}
    assert rate["stack"] == GOOD
    assert given["crunch/inline?cpu_ms=4"] == {"rounds": round(4 * rate["rounds_per_ms"])}
    assert (ran.facts[1]["cpu_ms"], ran.facts[1]["scenarios"]) == (rate, ran.facts[0]["scenarios"])
    for name in ("report.md", "report.html"):
        report = (ran.checkout / "results/it" / name).read_text()
        assert "rounds of crunch/inline?cpu_ms=4" in report
        assert f"{given['crunch/inline?cpu_ms=4']['rounds']:,}" in report
    one_ms, four_ms = (costs_ms(ran.outcomes[1], f"crunch/inline?cpu_ms={cpu_ms}") for cpu_ms in (1, 4))
    assert any(2 < (four - one) / one < 3.3 for one, four in product(one_ms, four_ms)), (
        "what a request costs beside its rounds is little; the machine's speed may change between two trials, and a fault is in all"
    )
    assert 1 < min(four_ms) - min(one_ms) < 9, (
        "3 ms, on a machine whose speed may change by a factor between calibration and trial"
    )


def costs_ms(found: list[Outcome], scenario: str) -> list[float]:
    """Return the CPU time per request of a scenario in milliseconds, of each trial of the baseline and its A/A arm."""
    return [
        1e3 * (one.usage["server"].cpu_s or 0) / one.driven.completed
        for one in found
        if isinstance(one, Sample) and one.trial.scenario == scenario
    ]


def test_a_run_that_is_finished_is_never_overwritten(ran: Ran) -> None:
    before = (ran.checkout / "results/it/trials.jsonl").read_bytes()
    again = lab(ran.checkout, "bench", env={**WORDS, "RUNTIME": ran.runtime})
    assert again.returncode == 2
    assert "never overwritten" in again.stderr
    assert (ran.checkout / "results/it/trials.jsonl").read_bytes() == before


@pytest.fixture
def processes(checkout: Path) -> Iterator[dict[str, str]]:
    """Words for a run of one stack in the process runtime, of which nothing is left."""
    with_profile(checkout)
    yield {**WORDS, "RUNTIME": "process", "STACKS": GOOD, "SCENARIOS": "db/one"}
    assert started_from(checkout) == []


@pytest.mark.slow
def test_a_database_that_dies_is_restored_once_and_ends_the_run_where_it_cannot_be(
    checkout: Path, processes: dict[str, str]
) -> None:
    edit(checkout / "loadtests/profiles.toml", "blocks = 2\nreruns", "blocks = 3\nreruns")
    with bench(checkout, processes) as run:
        for number in range(2):
            until((checkout / f"results/it/logs/block-{number:02d}/{GOOD}.log").exists, 300)
            if number:
                (checkout / "services/postgres/serve").write_text(DISK_FULL)
            readiness.listeners()[DATABASE_PORT].kill()
        _, stderr = run.communicate(timeout=120)
    assert run.returncode == 1, stderr
    assert "Traceback" not in stderr
    assert "postgres was started again." in stderr
    assert "postgres is not running (exit status 7)" in stderr
    assert "the disk is full" in stderr
    assert "The measured trials are kept; RUN=it resumes the run." in stderr
    found = outcomes(checkout)
    assert {one.trial.block for one in found} == {0, 1}
    assert all(one.lab_fault for one in found if isinstance(one, Failure))
    assert any(isinstance(one, Failure) for one in found if one.trial.block == 0)
    assert (checkout / "results/it/report.html").exists()


def test_a_start_that_fails_says_its_log_and_keeps_it(checkout: Path, processes: dict[str, str]) -> None:
    (checkout / "services/postgres/serve").write_text(DISK_FULL)
    done = lab(checkout, "bench", env=processes)
    assert done.returncode == 2
    assert "the disk is full" in done.stderr
    assert not (checkout / "results/it").exists(), "a run that measured nothing leaves no folder that looks like one"
    kept = checkout / ".lab/logs/it/postgres.log"
    assert "the disk is full" in kept.read_text()
    assert ".lab/logs/it" in done.stderr


def test_a_taken_database_port_starts_nothing(checkout: Path, processes: dict[str, str], listener: Any) -> None:
    listener(DATABASE_PORT)
    done = lab(checkout, "bench", env=processes)
    assert done.returncode == 2
    assert f"Port {DATABASE_PORT} of postgres is taken" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (checkout / "results/it").exists()
