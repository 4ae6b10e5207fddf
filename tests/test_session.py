"""The rules of a session, each by a run on fakes: what is measured, re-run, kept and said, whatever happens meanwhile."""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.config import selection
from lab.config.plan import Plan
from lab.contract import Finding
from lab.errors import LabError
from lab.host.machine import CpuPlan
from lab.load.client import DriverError
from lab.load.protocol import Failed
from lab.model.outcome import Block, Failure, Outcome, Sample
from lab.model.workload import Load, Profile, Scenario
from lab.run import session
from lab.run.context import Context
from lab.run.starting import Started
from lab.run.store import RunFolder
from tests.fakes import INVALID, SERVICES, FakeWorld, Said, ctrl_c
from tests.synthetic import scenario, stack

CPU = min(os.sched_getaffinity(0))
STACKS = {one.name: one for one in (stack("a", baseline=True), stack("b"))}
ARMS = 3
"""a, b, and a@aa: so many trials has a block of one scenario."""
STOP = "stop a b a@aa"
"""The step that ends the servers of a block."""


@dataclass
class Ran:
    """A session that has ended, and what its folder held then."""

    whole: bool | None
    """None where it raised."""
    error: str
    said: Said
    steps: list[str]
    facts: dict[str, Any]
    outcomes: tuple[Outcome, ...]
    blocks: tuple[Block, ...]

    @property
    def attempts(self) -> list[tuple[int, int]]:
        """(Block, attempt) of every record, in their order."""
        return [(block.block, block.attempt) for block in self.blocks]

    def of(self, arm: str, block: int = 0, attempt: int = 0) -> Outcome:
        key = (arm, block, attempt)
        (found,) = (o for o in self.outcomes if (o.trial.stack, o.trial.block, o.trial.attempt) == key)
        return found

    def failure(self, arm: str, block: int = 0, attempt: int = 0) -> Failure:
        found = self.of(arm, block, attempt)
        assert isinstance(found, Failure)
        return found


JSON = scenario("json")


def planned(scenarios: Sequence[Scenario] = (JSON,), **profile: Any) -> Plan:
    """Two stacks and the A/A arm, by default in two blocks with one re-run each."""
    asked: dict[str, Any] = {"blocks": 2, "warmup_s": 0, "window_s": 1, "timeout_s": 5, "reruns": 1, **profile}
    names, loads = tuple(one.id for one in scenarios), (Load.model_validate("closed:8"),)
    made = Profile(name="p", about="", stacks=tuple(STACKS), scenarios=names, loads=loads, **asked)
    return selection.plan(made, list(STACKS.values()), scenarios, seed=1)


def play(folder: Path, world: FakeWorld | None = None, scenarios: Sequence[Scenario] = (JSON,), **profile: Any) -> Ran:
    """Run a session until it ends, however it does; a folder that holds a run is resumed."""
    world, said, run = world or FakeWorld(), Said(), RunFolder(folder)
    cpus = CpuPlan(server=(CPU,), others=(CPU,))
    plan = planned(scenarios, **profile)
    context = Context(plan, STACKS, SERVICES, world.runtime, cpus, run, said, world.world)
    whole, why = None, ""
    try:
        whole = session.run(context)
    except LabError as error:
        why = str(error)
    return Ran(whole, why, said, world.steps, run.read_run(), run.outcomes(), run.blocks())


def steps_of(block: int) -> list[str]:
    """The steps of a block's trials in their order."""
    return [f"block-{block:02d} {trial.stack} json" for trial in planned().block(block)]


def finding(path: str = "/json", sentence: str = "GET /json: a wrong body") -> Finding:
    return Finding(path, sentence)


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


# Re-runs


def test_a_noisy_block_is_re_run_whole(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", FakeWorld(noisy=["block-00"]))
    assert ran.attempts == [(0, 0), (0, 1), (1, 0)]
    noisy, again, quiet = ran.blocks
    assert noisy.noise.startswith("The reference workload took")
    assert (again.noise, quiet.noise) == ("", "")
    assert f"Block 1 is re-run: {noisy.noise}" in ran.said.lines
    assert Counter((o.trial.block, o.trial.attempt) for o in ran.outcomes) == dict.fromkeys(ran.attempts, ARMS)
    assert ran.said.trials == len(ran.outcomes)


@pytest.mark.parametrize("reruns", [0, 1, 3])
def test_a_block_is_re_run_no_more_often_than_the_profile_allows(tmp_path: Path, reruns: int) -> None:
    noisy = ["block-00", *(f"block-00-again-{attempt}" for attempt in range(1, 9))]
    ran = play(tmp_path / "run", FakeWorld(noisy=noisy), reruns=reruns)
    assert ran.attempts == [*((0, attempt) for attempt in range(reruns + 1)), (1, 0)]
    assert ran.whole


def test_a_noisy_block_is_not_re_run_when_time_ran_out(tmp_path: Path) -> None:
    """A block takes three minutes: two planned ones and a re-run do not fit into eight."""
    world = FakeWorld(noisy=["block-00"])
    world.trial_s = 60
    ran = play(tmp_path / "run", world, limit_min=8)
    assert ran.attempts == [(0, 0), (1, 0)]
    assert f"Block 1 is not re-run because time ran out: {ran.blocks[0].noise}" in ran.said.lines


def test_an_invalid_trial_rejects_its_block_where_none_can_be_added(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", FakeWorld(trials={"block-00 b json": INVALID}))
    assert ran.attempts == [(0, 0), (0, 1), (1, 0)]
    assert ran.blocks[0].noise.startswith("1 of 3 trials are invalid, the first: b json closed:8: The hypervisor took")


FIVE = tuple(scenario(f"s{number}") for number in range(5))
"""Eleven trials in each block: five of a, five of b, one of a@aa."""


def test_where_blocks_can_be_added_one_is_rejected_for_more_than_a_tenth_of_its_trials_only(tmp_path: Path) -> None:
    one, two = ([f"block-00 b s{number}" for number in range(count)] for count in (1, 2))
    profile: dict[str, Any] = {"blocks": 1, "precision": 0.05, "most_blocks": 2}
    kept = play(tmp_path / "kept", FakeWorld(trials=dict.fromkeys(one, INVALID)), FIVE, **profile)
    rejected = play(tmp_path / "rejected", FakeWorld(trials=dict.fromkeys(two, INVALID)), FIVE, **profile)
    assert kept.attempts == [(0, 0), (1, 0)]
    assert rejected.attempts == [(0, 0), (0, 1), (1, 0)]


def test_the_last_block_that_the_profile_allows_is_rejected_for_a_single_trial(tmp_path: Path) -> None:
    """No other can be added in its place."""
    world = FakeWorld(trials={"block-01 b s0": INVALID})
    ran = play(tmp_path / "run", world, FIVE, blocks=1, precision=0.05, most_blocks=2)
    assert ran.attempts == [(0, 0), (1, 0), (1, 1)]


def test_a_cell_that_stays_invalid_after_the_re_runs_of_two_blocks_causes_no_more_of_them(tmp_path: Path) -> None:
    everywhere = [f"block-{block:02d}{again} b json" for block in range(4) for again in ("", "-again-1")]
    ran = play(tmp_path / "run", FakeWorld(trials=dict.fromkeys(everywhere, INVALID)), blocks=4)
    assert ran.attempts == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (3, 0)]
    assert [bool(block.noise) for block in ran.blocks] == [True, True, True, True, False, False]


def test_a_block_is_not_re_run_for_what_a_stack_did(tmp_path: Path) -> None:
    """A re-run would choose its better attempt."""
    ran = play(tmp_path / "run", FakeWorld(trials={"block-00 b json": Failed(reason="No answer.", error="timeout")}))
    assert ran.attempts == [(0, 0), (1, 0)]
    assert ran.failure("b").reason == "No answer."


# Adding blocks


SCATTERED = {f"block-{block:02d} b json": {"rps": 500 if block % 2 else 2000} for block in range(12)}
FAILED = {f"block-{block:02d} b json": Failed(reason="No answer.", error="status 500") for block in range(12)}


@pytest.mark.parametrize(
    ("trials", "profile", "blocks", "stopped"),
    [
        ({}, {}, 2, "the profile asks for 2 blocks"),
        ({}, {"precision": 0.05, "most_blocks": 9}, 6, "each of the 1 ratios that this run has is known to 5 %"),
        (SCATTERED, {"precision": 0.05, "most_blocks": 9}, 9, "the profile allows 9 blocks"),
        ({}, {"precision": 0.05, "most_blocks": 6}, 6, "each of the 1 ratios that this run has is known to 5 %"),
        (
            SCATTERED,
            {"precision": 0.05, "most_blocks": 9, "limit_min": 13},
            4,
            "another block would have taken longer than the 13 minutes of this profile",
        ),
        (
            FAILED,
            {"precision": 0.05, "most_blocks": 9},
            6,
            "no two arms have a valid block in common, so there is no ratio that more blocks would improve",
        ),
    ],
    ids=["without precision", "precise", "most blocks", "precise at last", "time", "no ratio"],
)
def test_blocks_are_added_until_the_ratios_are_precise_or_nothing_more_is_allowed(
    tmp_path: Path, trials: dict[str, Any], profile: dict[str, Any], blocks: int, stopped: str
) -> None:
    world = FakeWorld(trials=trials)
    world.trial_s = 60
    ran = play(tmp_path / "run", world, **profile)
    assert ran.attempts == [(number, 0) for number in range(blocks)]
    assert ran.facts["stopped"] == stopped
    assert ran.said.trials == len(ran.outcomes)


def test_a_block_is_added_with_the_ratio_that_asks_for_it(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", FakeWorld(), precision=0.05, most_blocks=3)
    assert "2 ratios are not known well enough yet, b json closed:8 first." in ran.said.lines


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


# Servers that fail


def test_an_unhealthy_arm_gives_failures_with_its_reason_and_the_others_are_measured(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", FakeWorld(started={"block-00": Started(unhealthy={"b": "b ended (status 1)."})}))
    failed = ran.failure("b")
    assert (failed.reason, failed.lab_fault) == ("b ended (status 1).", False)
    assert failed.log_tail == ("last words of b",)
    assert isinstance(ran.of("a"), Sample)
    assert isinstance(ran.of("b", block=1), Sample)
    assert ran.attempts == [(0, 0), (1, 0)]


def test_an_arm_that_is_not_to_blame_gives_lab_faults_and_a_re_run(tmp_path: Path) -> None:
    started = Started(unhealthy={"b": "Port 2 is taken by another program."}, blameless={"b"})
    ran = play(tmp_path / "run", FakeWorld(started={"block-00": started}))
    assert ran.failure("b").lab_fault
    assert ran.attempts == [(0, 0), (0, 1), (1, 0)]
    assert isinstance(ran.of("b", attempt=1), Sample)


def test_an_arm_that_dies_after_its_start_gives_a_failure(tmp_path: Path) -> None:
    world = FakeWorld()
    world.at = {"start block-00 a b a@aa": lambda: world.dead.add("b"), STOP: lambda: world.dead.discard("b")}
    ran = play(tmp_path / "run", world)
    assert (ran.failure("b").reason, ran.failure("b").lab_fault) == ("b is not running.", False)


def test_a_server_that_was_started_twice_is_said(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", FakeWorld(started={"block-00": Started(again=["b is started again."])}))
    assert "  b is started again." in ran.said.lines


def test_a_first_answer_that_is_wrong_is_off_contract(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", FakeWorld(trials={"block-00 b json": Failed(reason="Wrong.", error="wrong body")}))
    assert ran.failure("b").off_contract


def test_no_answer_on_a_disturbed_machine_is_the_labs_fault(tmp_path: Path) -> None:
    world = FakeWorld(trials={"block-00 b json": Failed(reason="No answer.", error="timeout")})
    world.disturbance = "other programs used 50% of the server's CPU time"
    failed = play(tmp_path / "run", world).failure("b")
    assert failed.reason == "No answer. Meanwhile other programs used 50% of the server's CPU time."
    assert failed.lab_fault


def test_a_driver_that_fails_is_the_labs_fault_and_the_block_is_re_run(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", FakeWorld(at={"block-00 b json": DriverError("The driver died.")}))
    assert (ran.failure("b").reason, ran.failure("b").lab_fault) == ("The driver died.", True)
    assert ran.attempts == [(0, 0), (0, 1), (1, 0)]


# Services that fail


@pytest.mark.parametrize("service", ["postgres", "upstream"])
def test_a_service_that_died_is_restored_before_the_next_block_and_said(tmp_path: Path, service: str) -> None:
    world = FakeWorld()
    world.at = {"start block-00 a b a@aa": lambda: world.dead.add(service)}
    ran = play(tmp_path / "run", world, reruns=0)
    assert {(ran.failure(arm).reason, ran.failure(arm).lab_fault) for arm in ("a", "b", "a@aa")} == {
        (f"{service} is not running.", True)
    }
    assert ran.failure("a").log_tail == (f"last words of {service}",)
    assert all(isinstance(o, Sample) for o in ran.outcomes if o.trial.block == 1), "it cost one block"
    assert f"  {service} is not running. {service} was started again." in ran.said.lines


def test_a_service_that_cannot_be_restored_ends_the_run_and_what_was_measured_is_kept(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", FakeWorld(at={"restore block-01": LabError("postgres ended: the disk is full")}))
    assert ran.error == "postgres ended: the disk is full"
    assert ran.attempts == [(0, 0)]
    assert len(ran.outcomes) == ARMS
    assert ran.facts["ended_at"] is None
    assert ran.facts["interruptions"] == []
    assert ran.facts["overhead"]["block_median_s"] is not None
    resumed = play(tmp_path / "run")
    assert resumed.whole
    assert resumed.attempts == [(0, 0), (1, 0)]


# Interruption and resumption


INTERRUPTIONS: dict[str, tuple[str, list[tuple[int, int]], list[tuple[int, int]]]] = {
    "during the preparation": ("prepare a b postgres upstream", [], [(0, 0), (1, 0)]),
    "as the services start": ("backing", [], [(0, 0), (1, 0)]),
    "during the contract check": ("verify b", [], [(0, 0), (1, 0)]),
    "before the first trial of a block": ("start block-00 a b a@aa", [], [(0, 0), (1, 0)]),
    "in the middle of a block": (steps_of(1)[1], [(0, 0)], [(1, 1)]),
    "as the servers of a block stop": (STOP, [(0, 0)], [(1, 0)]),
    "after the last block": ("driver ends", [(0, 0), (1, 0)], []),
}
"""Name -> step, the blocks that are recorded then, and those that the resumed run measures."""


@pytest.mark.parametrize("when", INTERRUPTIONS)
def test_an_interrupted_run_is_kept_and_resumed_with_what_is_missing(tmp_path: Path, when: str) -> None:
    step, recorded, missing = INTERRUPTIONS[when]
    first = play(tmp_path / "run", FakeWorld(at={step: ctrl_c}))
    assert first.whole is False
    assert first.attempts == recorded
    assert first.facts["ended_at"] is None
    assert len(first.facts["interruptions"]) == 1
    assert first.steps[-1] == "stop all"
    assert "Interrupted: stopping everything; what was measured is kept." in first.said.lines

    resumed = play(tmp_path / "run")
    assert resumed.whole
    assert resumed.attempts == recorded + missing
    assert resumed.said.trials == ARMS * len(missing)
    assert resumed.outcomes[: len(first.outcomes)] == first.outcomes
    assert Counter((o.trial.block, o.trial.attempt) for o in resumed.outcomes[len(first.outcomes) :]) == dict.fromkeys(
        missing, ARMS
    )
    assert (resumed.facts["started_at"], resumed.facts["interruptions"]) == (
        first.facts["started_at"],
        first.facts["interruptions"],
    )
    assert resumed.facts["ended_at"]


@pytest.mark.parametrize("done", range(ARMS))
def test_a_trial_that_was_interrupted_has_no_outcome_and_those_before_it_are_kept(tmp_path: Path, done: int) -> None:
    steps = steps_of(1)
    first = play(tmp_path / "run", FakeWorld(at={steps[done]: ctrl_c}))
    assert [f"block-01 {o.trial.stack} json" for o in first.outcomes if o.trial.block == 1] == steps[:done]
    assert first.attempts == [(0, 0)]
    resumed = play(tmp_path / "run")
    assert resumed.attempts == [(0, 0), (1, 1 if done else 0)], "the next attempt that has no outcome yet"


def test_a_signal_while_everything_is_stopped_is_ignored(tmp_path: Path) -> None:
    world = FakeWorld()
    world.at = {"stop all": lambda: ctrl_c() if world.steps.count("stop all") == 2 else None}
    ran = play(tmp_path / "run", world)
    assert ran.whole
    assert ran.facts["ended_at"]


def test_a_second_signal_does_not_keep_the_interruption_from_being_written(tmp_path: Path) -> None:
    world = FakeWorld()
    world.at = {"block-00 b json": ctrl_c, "stop all": lambda: ctrl_c() if len(world.steps) > 1 else None}
    ran = play(tmp_path / "run", world)
    assert ran.whole is False
    assert len(ran.facts["interruptions"]) == 1


def test_a_noisy_block_whose_re_run_was_interrupted_is_re_run_when_the_run_is_resumed(tmp_path: Path) -> None:
    second = steps_of(0)[1].replace("block-00", "block-00-again-1")
    play(tmp_path / "run", FakeWorld(noisy=["block-00"], at={second: ctrl_c}))
    assert play(tmp_path / "run").attempts == [(0, 0), (0, 2), (1, 0)]


def test_an_added_block_that_is_on_disk_is_not_measured_by_the_resumed_run(tmp_path: Path) -> None:
    profile: dict[str, Any] = {"precision": 0.05, "most_blocks": 4}
    play(tmp_path / "run", FakeWorld(at={"restore block-03": ctrl_c}), **profile)
    resumed = play(tmp_path / "run", **profile)
    assert resumed.attempts == [(0, 0), (1, 0), (2, 0), (3, 0)]
    assert resumed.said.trials == ARMS


# Whatever comes together


PLACES = [f"block-{block:02d}{again}" for block in range(3) for again in ("", *(f"-again-{n}" for n in range(1, 7)))]
ARM = st.sampled_from(["a", "b", "a@aa"])
HAPPENS: list[Callable[[], object] | BaseException] = [
    ctrl_c,
    DriverError("The driver died."),
    LabError("The server broke down."),
]


@st.composite
def scripts(draw: st.DrawFn) -> FakeWorld:
    """What may happen to one session."""
    somewhere = st.sampled_from(PLACES)
    trials = st.builds("{} {} json".format, somewhere, ARM)
    answers: st.SearchStrategy[Any] = st.sampled_from([INVALID, Failed(reason="No answer.", error="timeout")])
    steps = (
        trials | st.builds("restore {}".format, somewhere) | st.sampled_from([STOP, "verify b", "driver", "backing"])
    )
    return FakeWorld(
        noisy=draw(st.sets(somewhere)),
        trials=draw(st.dictionaries(trials, answers, max_size=8)),
        at=draw(st.dictionaries(steps, st.sampled_from(HAPPENS), max_size=3)),
    )


@settings(max_examples=20)
@given(worlds=st.lists(scripts(), max_size=3), reruns=st.integers(0, 2))
def test_every_planned_block_is_measured_whole_or_said_to_be_noisy_and_nothing_is_lost(
    worlds: list[FakeWorld], reruns: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kept: tuple[Outcome, ...] = ()
        for world in [*worlds, FakeWorld()]:
            ran = play(Path(folder) / "run", world, blocks=3, reruns=reruns)
            assert ran.outcomes[: len(kept)] == kept
            assert world.steps[-1] == "stop all"
            kept = ran.outcomes
            if ran.whole:
                break
        assert ran.whole
        sizes = Counter((o.trial.block, o.trial.attempt) for o in kept)
        assert len({(o.trial.block, o.trial.attempt, o.trial.stack) for o in kept}) == len(kept)
        for number in range(3):
            records = [block for block in ran.blocks if block.block == number]
            assert all(sizes[number, block.attempt] == ARMS for block in records)
            *noisy, last = records
            assert all(block.noise for block in noisy)
            assert len(records) <= reruns + 1
            assert not last.noise or len(records) == reruns + 1
