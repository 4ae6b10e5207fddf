"""`cpu_ms=2` is as much CPU time of the server as it says, on this machine, and a run keeps the rounds that it began with."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from lab.config import scenarios
from lab.errors import LabError
from lab.model.outcome import OUTCOME, Sample
from lab.paths import LOADTESTS
from lab.run import rounds
from tests.conftest import command, edit, environment, lab, until

PROFILE = """
[tiny]
about = "for tests"
stacks = ["flask-gunicorn", "fastapi-uvicorn"]
scenarios = ["crunch/inline?cpu_ms=1", "crunch/inline?cpu_ms=4", "json"]
loads = ["closed:4"]
blocks = 2
reruns = 0
warmup_s = 0.1
window_s = 0.5
timeout_s = 5.0
"""
RATE = rounds.Rate(rounds_per_ms=13_800.4, stack="a")
WORDS = {"PROFILE": "tiny", "RUNTIME": "process", "RUN": "it"}


def test_cpu_ms_becomes_rounds_and_other_scenarios_stay_as_they_are() -> None:
    asked, other = scenarios.find(LOADTESTS, ["mixed?cpu_ms=2", "mixed?rounds=5"])
    resolved = rounds.with_rounds(asked, RATE)
    assert (resolved.id, resolved.cpu_ms, resolved.params) == ("mixed?cpu_ms=2", 2, {"ms": 5, "rounds": 27_601})
    assert rounds.with_rounds(other, RATE) == other


def test_more_rounds_than_the_contract_allows_are_refused_with_the_most_that_can_be_asked_for() -> None:
    (asked,) = scenarios.find(LOADTESTS, ["crunch/inline?cpu_ms=200"])
    with pytest.raises(LabError, match=r"is 20,000,000 rounds here, .* allows 10,000,000: ask for cpu_ms=100 at most"):
        rounds.with_rounds(asked, RATE.model_copy(update={"rounds_per_ms": 100_000}))


def test_a_run_measures_how_many_rounds_take_so_long_and_a_resumed_one_keeps_them(checkout: Path) -> None:
    with (checkout / "loadtests/profiles.toml").open("a") as profiles:
        profiles.write(PROFILE)
    block = 7  # two stacks on three scenarios, and the A/A arm on one
    trials, file = checkout / "results/it/trials.jsonl", checkout / "results/it/run.json"
    process = subprocess.Popen(command("bench"), cwd=checkout, env=environment(WORDS))
    try:
        until(lambda: trials.exists() and len(trials.read_text().splitlines()) > block, 120)
        process.send_signal(signal.SIGINT)
        process.wait(60)
    finally:
        process.kill()
        process.wait()
    run = json.loads(file.read_text())
    rate, given = run["cpu_ms"], {one["id"]: one["params"] for one in run["scenarios"]}
    assert rate["stack"] == "fastapi-uvicorn", "the baseline, whatever the order"
    assert given["crunch/inline?cpu_ms=4"] == {"rounds": round(4 * rate["rounds_per_ms"])}
    assert given["json"] == {}

    done = lab(checkout, "bench", env={"RUN": "it"})
    assert done.returncode in (0, 1), done.stderr  # 1 where the machine was busy
    again = json.loads(file.read_text())
    assert (again["cpu_ms"], again["scenarios"]) == (rate, run["scenarios"])
    for name in ("report.md", "report.html"):
        report = (checkout / "results/it" / name).read_text()
        assert "rounds of crunch/inline?cpu_ms=4" in report
        assert f"{given['crunch/inline?cpu_ms=4']['rounds']:,}" in report
    one_ms, four_ms = (cost_ms(trials, f"crunch/inline?cpu_ms={cpu_ms}") for cpu_ms in (1, 4))
    assert 2 < (four_ms - one_ms) / one_ms < 3.3, "what a request costs beside its rounds is little"
    assert 1 < four_ms - one_ms < 9, (
        "3 ms, on a machine whose speed may change by a factor between calibration and trial"
    )


def cost_ms(trials: Path, scenario: str) -> float:
    """Least CPU time of the baseline per request of a scenario, in milliseconds."""
    found = [OUTCOME.validate_json(line) for line in trials.read_text().splitlines()]
    return min(
        1e3 * (one.usage["server"].cpu_s or 0) / one.driven.completed
        for one in found
        if isinstance(one, Sample) and (one.trial.scenario, one.trial.stack) == (scenario, "fastapi-uvicorn")
    )


def test_a_run_whose_stacks_cannot_show_the_rounds_says_what_to_give_instead(checkout: Path) -> None:
    for app in ("fastapi", "flask"):
        edit(checkout / f"stacks/{app}/app.py", "/crunch/inline", "/crunch/elsewhere")
    words = {"STACKS": "fastapi-uvicorn,flask-gunicorn", "SCENARIOS": "mixed?cpu_ms=2", "PROFILE": "smoke"}
    done = lab(checkout, "bench", env={**WORDS, **words})
    assert done.returncode == 2
    assert "cpu_ms could not be turned into rounds through /crunch/inline" in done.stderr
    assert "give `rounds` in its place" in done.stderr
    assert not (checkout / "results/it/trials.jsonl").exists()
