"""Sessions in which something fails or that are interrupted: what is kept, said, restored and measured when they are resumed."""

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import LabError
from lab.load.client import DriverError
from lab.load.protocol import Failed
from lab.model.outcome import Outcome, Sample
from lab.run.starting import Started
from tests.fakes import INVALID, FakeWorld, ctrl_c
from tests.playing import ARMS, STOP, play, steps_of

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
