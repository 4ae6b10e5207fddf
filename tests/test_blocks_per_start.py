"""Servers that serve several blocks before they are started again, by sessions on fakes."""

from pathlib import Path
from typing import Any

import pytest

from lab.contract import Finding
from lab.load.protocol import Failed
from tests.fakes import INVALID, FakeWorld, ctrl_c
from tests.playing import STOP, Ran, finding, play


def starts(ran: Ran) -> list[str]:
    """The attempts for which the servers were started."""
    return [step.split()[1] for step in ran.steps if step.startswith("start block")]


def test_servers_serve_as_many_blocks_as_the_profile_says(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", blocks=5, blocks_per_start=2)
    assert starts(ran) == ["block-00", "block-02", "block-04"]
    assert ran.steps.count(STOP) == 3
    assert ran.whole


def test_a_block_that_is_measured_again_gets_new_servers_which_serve_on(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", FakeWorld(noisy=["block-00"]), blocks=3, blocks_per_start=2)
    assert ran.attempts == [(0, 0), (0, 1), (1, 0), (2, 0)]
    assert starts(ran) == ["block-00", "block-00-again-1", "block-02"]


def test_an_invalid_trial_stops_no_server(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", FakeWorld(trials={"block-00 b json": INVALID}), blocks=2, blocks_per_start=2, reruns=0)
    assert starts(ran) == ["block-00"]


def test_after_a_failure_all_servers_are_new(tmp_path: Path) -> None:
    failed = Failed(reason="b closed the connection.", error=None)
    ran = play(tmp_path / "run", FakeWorld(trials={"block-00 b json": failed}), blocks=3, blocks_per_start=3, reruns=0)
    assert starts(ran) == ["block-00", "block-01"]


def test_a_path_that_breaks_the_contract_stops_no_server(tmp_path: Path) -> None:
    findings: list[list[Finding]] = [[], [finding()], [finding()]]
    ran = play(tmp_path / "run", FakeWorld(findings=findings), blocks=2, blocks_per_start=2)
    assert ran.failure("b").off_contract
    assert starts(ran) == ["block-00"]


@pytest.mark.parametrize("label", ["postgres", "b"])
def test_after_the_death_of_a_server_or_of_what_it_is_connected_to_all_are_new(tmp_path: Path, label: str) -> None:
    world = FakeWorld()
    dies: dict[str, Any] = {"restore block-01": lambda: world.dead.add(label), STOP: lambda: world.dead.discard(label)}
    world.at = dies if label == "b" else {"block-00 b json": lambda: world.dead.add(label)}
    ran = play(tmp_path / "run", world, blocks=2, blocks_per_start=2, reruns=0)
    assert starts(ran) == ["block-00", "block-01"]
    assert ran.whole


def test_an_interruption_between_two_blocks_stops_servers_that_would_have_served_on(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", FakeWorld(at={"restore block-01": ctrl_c}), blocks=2, blocks_per_start=2)
    assert ran.whole is False
    assert ran.steps.count(STOP) == 1
    assert ran.steps[-1] == "stop all"
