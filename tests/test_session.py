"""The rules of a session, each by a run on fakes: in which order it goes, what it writes and says."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lab.errors import LabError
from lab.model.outcome import Failure, Sample
from lab.model.stack import Setting
from lab.model.workload import Scenario
from lab.run.starting import Started
from lab.run.store import RunFolder
from tests.fakes import SERVICES, FakeWorld, ctrl_c
from tests.playing import ARMS, CPU, STACKS, STOP, finding, play, steps_of
from tests.synthetic import scenario

# The order of the steps


def test_a_run_is_prepared_checked_measured_and_stopped_in_this_order(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", blocks=1)
    trials = [step for step in ran.steps if step.startswith("block-00 ")]
    assert trials == steps_of(0)
    assert [step for step in ran.steps if step not in trials] == [
        "stop all",
        "prepare a b postgres upstream",
        "backing",
        *("restore contract", "start contract a", "verify a", "stop a"),
        *("restore contract", "start contract b", "verify b", "stop b"),
        "driver",
        *("restore block-00", "look block-00", "start block-00 a b a@aa", STOP, "look block-00"),
        "driver ends",
        "backing ends",
        "stop all",
    ]


@pytest.mark.parametrize("step", ["prepare a b postgres upstream", "backing", "verify b", "driver", "block-00 b json"])
@pytest.mark.parametrize("happens", [LabError("The disk is full."), ctrl_c, ValueError("a bug")])
def test_everything_is_stopped_at_the_end_whatever_happens(tmp_path: Path, step: str, happens: Any) -> None:
    world = FakeWorld(at={step: happens})
    if isinstance(happens, ValueError):
        with pytest.raises(ValueError, match="a bug"):
            play(tmp_path / "run", world)
    else:
        play(tmp_path / "run", world)
    assert world.steps[-1] == "stop all"
    assert world.steps.count("stop all") == 2


def test_this_process_has_its_own_cpus_again_after_a_run(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    inside: list[set[int]] = []
    ran = play(tmp_path / "run", FakeWorld(at={"backing": lambda: inside.append(os.sched_getaffinity(0))}))
    assert ran.whole
    assert inside == [{CPU}]
    assert os.sched_getaffinity(0) == before


# What is on disk, and when


def test_an_outcome_is_on_disk_before_the_next_trial_begins(tmp_path: Path) -> None:
    on_disk: list[int] = []
    look = {step: lambda: on_disk.append(len(RunFolder(tmp_path / "run").outcomes())) for step in steps_of(0)}
    play(tmp_path / "run", FakeWorld(at=look), blocks=1)
    assert on_disk == [0, 1, 2]


def test_a_run_has_its_facts_before_anything_is_started(tmp_path: Path) -> None:
    at_the_start: list[dict[str, Any]] = []
    file = tmp_path / "run" / "run.json"
    play(tmp_path / "run", FakeWorld(at={"stop all": lambda: at_the_start.append(json.loads(file.read_text()))}))
    facts = at_the_start[0]
    assert (facts["arms"], facts["seed"], facts["runtime"]) == (["a", "b", "a@aa"], 1, "fake")
    assert (facts["profile"]["blocks"], facts["trials_per_block"]) == (2, ARMS)
    assert facts["machine"] == {"cpus": 2}
    assert facts["settings"]["a"]["command"] == {"value": "serve", "source": "configured"}
    assert facts["ended_at"] is None
    assert facts["interruptions"] == []
    assert facts["overhead"] == {"setup_s": None, "trial_median_s": None, "block_median_s": None}


def test_a_run_that_ended_says_when_why_and_what_it_ran_on(tmp_path: Path) -> None:
    facts = play(tmp_path / "run").facts
    assert facts["ended_at"]
    assert facts["measuring_started_at"] <= facts["measuring_ended_at"] <= facts["ended_at"]
    assert facts["stopped"] == "the profile asks for 2 blocks"
    assert facts["versions"]["postgres"] == {"postgresql": "18.1"}
    assert facts["images"] == {name: f"image of {name}" for name in SERVICES}
    assert facts["unequal"] == {}
    assert facts["image_sizes"].keys() == SERVICES.keys()


def test_setup_and_overheads_are_times_outside_of_the_windows(tmp_path: Path) -> None:
    world = FakeWorld()

    def takes_seven_seconds() -> None:
        world.now_s += 7

    world.at = {"backing": takes_seven_seconds, STOP: takes_seven_seconds}
    overhead = play(tmp_path / "run", world).facts["overhead"]
    assert overhead == {"setup_s": 7, "trial_median_s": 0, "block_median_s": 7}


def test_what_a_stack_has_beyond_the_equal_budget_is_said_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = SERVICES["b"].model_copy(update={"budget": {"LAB_SLOTS": 40}, "environment": {"LAB_SLOTS": "80"}})
    monkeypatch.setitem(SERVICES, "b", service)
    ran = play(tmp_path / "run", FakeWorld(started={"contract": Started(unhealthy={"b": "It died."})}))
    (sentence,) = ran.facts["unequal"]["b"]
    assert "80 (configured) instead of 40" in sentence
    assert f"  {sentence}" in ran.said.lines


def test_a_stack_that_runs_on_something_else_than_its_labels_say_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STACKS, "b", STACKS["b"].model_copy(update={"loop": "uvloop", "handlers": "async"}))
    world = FakeWorld()
    world.settings = {"loop": Setting(value="asyncio.unix_events._UnixSelectorEventLoop", source="read")}
    (sentence,) = play(tmp_path / "run", world).facts["unequal"]["b"]
    assert sentence.startswith("b: the label lab.loop says uvloop, the running server says asyncio.")


# What it says at its start


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ({"blocks": 2}, "No comparison will make a claim: 2 blocks, at least 6 are needed."),
        ({"blocks": 1}, "No comparison will make a claim: 1 block, at least 6 are needed."),
        (
            {"limit_min": 0.1},
            "That is more than the 0.1 minutes of the profile p: every planned block is measured, and after that time none is "
            "added or re-run.",
        ),
    ],
)
def test_a_run_says_at_its_start_what_its_plan_means(tmp_path: Path, profile: dict[str, Any], said: str) -> None:
    ran = play(tmp_path / "run", **profile)
    assert said in ran.said.lines
    assert len(ran.attempts) == profile.get("blocks", 2), "no planned block is left out"


def test_a_run_of_six_blocks_within_its_time_says_nothing_at_its_start(tmp_path: Path) -> None:
    said = play(tmp_path / "run", blocks=6, limit_min=60).said.lines
    assert not [line for line in said if line.startswith(("No comparison", "That is more"))]


# The contract check


def test_a_stack_that_answers_a_path_wrongly_is_not_measured_there(tmp_path: Path) -> None:
    wrong = finding()
    ran = play(tmp_path / "run", FakeWorld(findings=[[], [wrong], [wrong]]), [scenario("json"), scenario("wait")])
    found = {(o.trial.stack, o.trial.scenario): o for o in ran.outcomes if o.trial.block == 0}
    off = found["b", "json"]
    assert isinstance(off, Failure)
    assert (off.reason, off.off_contract, off.lab_fault) == ("GET /json: a wrong body", True, False)
    assert isinstance(found["b", "wait"], Sample), "on other paths it is measured"
    assert isinstance(found["a", "json"], Sample)
    assert "block-00 b json" not in ran.steps, "the driver was not asked"
    assert "  b: GET /json: a wrong body" in ran.said.lines
    assert ran.attempts == [(0, 0), (1, 0)], "that is the stack's result and no reason for a re-run"


def test_the_aa_arm_is_not_measured_where_its_stack_is_wrong(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", FakeWorld(findings=[[finding()], [finding()]]))
    assert ran.failure("a@aa").off_contract


def test_a_finding_that_a_second_look_does_not_have_is_none(tmp_path: Path) -> None:
    """Some checks look at the clock."""
    world = FakeWorld(findings=[[finding("/json"), finding("/wait")], [finding("/wait")]])
    ran = play(tmp_path / "run", world, [scenario("json"), scenario("wait")])
    assert {o.trial.scenario for o in ran.outcomes if isinstance(o, Failure)} == {"wait"}


def test_findings_of_while_a_service_was_dead_do_not_count(tmp_path: Path) -> None:
    world = FakeWorld(findings=[[finding()], []])
    world.at = {"verify a": lambda: world.dead.add("postgres") if world.steps.count("verify a") == 1 else None}
    ran = play(tmp_path / "run", world)
    assert all(isinstance(outcome, Sample) for outcome in ran.outcomes)
    assert "  postgres is not running. postgres was started again." in ran.said.lines


def test_a_stack_that_does_not_start_alone_is_not_checked(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", FakeWorld(started={"contract": Started(unhealthy={"a": "It died."})}))
    assert "verify a" not in ran.steps
    assert "verify b" in ran.steps
    assert isinstance(ran.of("a"), Sample), "it may start in a block"


def test_the_time_that_a_stack_takes_to_start_alone_is_recorded(tmp_path: Path) -> None:
    started = {"contract": Started(healthy_after_s={"a": 0.4})}
    assert play(tmp_path / "run", FakeWorld(started=started)).facts["cold_start_alone_s"] == {"a": 0.4}


# cpu_ms


CRUNCH = Scenario(id="crunch?cpu_ms=2", workload="crunch", file="f.py", user="U", path="/crunch/inline", cpu_ms=2)


def test_cpu_ms_is_turned_into_rounds_once_and_a_resumed_run_keeps_them(tmp_path: Path) -> None:
    rate = {"rounds_per_ms": 1000, "stack": "a"}
    first = play(tmp_path / "run", FakeWorld(at={"block-01 b crunch?cpu_ms=2": ctrl_c}), [CRUNCH])
    assert first.facts["cpu_ms"] == rate
    assert first.facts["scenarios"][0]["params"] == {"rounds": 2000}
    assert "1 ms of CPU time is 1,000 rounds (a): used for crunch?cpu_ms=2." in first.said.lines
    faster = FakeWorld()
    faster.rounds_per_ms = 3000
    resumed = play(tmp_path / "run", faster, [CRUNCH])
    assert resumed.whole
    assert (resumed.facts["cpu_ms"], resumed.facts["scenarios"]) == (rate, first.facts["scenarios"])
    assert ("rate" in first.steps, "rate" in resumed.steps) == (True, False)


def test_the_rate_is_that_of_the_first_stack_that_serves_the_path_as_it_should(tmp_path: Path) -> None:
    wrong = finding("/crunch/inline")
    ran = play(tmp_path / "run", FakeWorld(findings=[[wrong], [wrong]]), [CRUNCH])
    assert ran.facts["cpu_ms"]["stack"] == "b"


def test_a_run_whose_stacks_cannot_show_the_rounds_ends_before_its_first_trial(tmp_path: Path) -> None:
    wrong = [finding("/crunch/inline")]
    ran = play(tmp_path / "run", FakeWorld(findings=[wrong] * 4), [CRUNCH])
    assert "cpu_ms could not be turned into rounds through /crunch/inline" in ran.error
    assert "give `rounds` in its place" in ran.error
    assert ran.outcomes == ()
    assert ran.steps[-1] == "stop all"
