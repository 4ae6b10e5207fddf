"""Which blocks a session measures, each by a run on fakes: those of its profile, again where the machine was disturbed, and more."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lab.load.protocol import Failed
from tests.fakes import INVALID, FakeWorld
from tests.playing import ARMS, play
from tests.synthetic import scenario

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
