"""The services that stacks depend on: started in order, and restored where one no longer serves."""

from pathlib import Path

import pytest

from lab.errors import LabError
from lab.run import servers
from lab.run.servers import DATABASE, UPSTREAM
from lab.runtime import readiness
from tests.fakes import SERVICES, FakeWorld


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    """A world whose services answer as soon as they run, and whose ports are free."""
    world = FakeWorld()
    monkeypatch.setattr(readiness, "taken", lambda _: None)
    for label, version in ((DATABASE, "18.1"), (UPSTREAM, "")):
        monkeypatch.setitem(servers._AWAIT, label, lambda *_, said=version: said)
        monkeypatch.setitem(servers._WRONG, label, lambda _: None)
    return world


def test_both_are_created_before_one_runs_and_stopped_whatever_happens(world: FakeWorld, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a bug"), servers.backing(world.runtime, SERVICES, tmp_path) as version:
        assert version == "18.1"
        raise ValueError("a bug")
    assert world.steps == ["create postgres upstream", "run postgres", "run upstream", "stop postgres upstream"]


def test_services_that_serve_are_left_alone(world: FakeWorld, tmp_path: Path) -> None:
    assert servers.restore_backing(world.runtime, SERVICES, tmp_path) == []
    assert world.steps == []


@pytest.mark.parametrize("service", [DATABASE, UPSTREAM])
def test_a_service_that_died_is_made_again_and_named(world: FakeWorld, tmp_path: Path, service: str) -> None:
    world.dead.add(service)
    said = servers.restore_backing(world.runtime, SERVICES, tmp_path)
    assert said == [f"{service} is not running. {service} was started again."]
    assert world.steps == [f"stop {service}", f"create {service}", f"run {service}"]


@pytest.mark.parametrize("service", [DATABASE, UPSTREAM])
def test_a_service_that_runs_and_does_not_answer_is_made_again_too(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    monkeypatch.setitem(servers._WRONG, service, lambda _: "It does not answer.")
    said = servers.restore_backing(world.runtime, SERVICES, tmp_path)
    assert said == [f"It does not answer. {service} was started again."]


def test_a_service_that_cannot_be_restored_is_an_error_with_the_end_of_its_log(
    world: FakeWorld, tmp_path: Path
) -> None:
    world.dead.add(DATABASE)
    world.at = {"run postgres": LabError("postgres is not running (exit status 7).")}
    with pytest.raises(LabError) as raised:
        servers.restore_backing(world.runtime, SERVICES, tmp_path)
    assert str(raised.value) == "postgres is not running (exit status 7).\n  last words of postgres"
