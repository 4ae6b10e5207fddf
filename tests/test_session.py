"""What a run leaves of this process when it ends."""

import os
from pathlib import Path

import pytest

from lab import choose, profiles, scenarios
from lab.errors import LabError
from lab.house import House
from lab.launch import process
from lab.launch.process import ProcessRuntime
from lab.progress import Reporter
from lab.project import LOADTESTS
from lab.servers import DATABASE
from lab.session import Session
from lab.store import RunFolder


def test_the_cpus_of_this_process_are_its_own_again_after_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "COMPOSE_PROJECT", f"test-{os.getpid()}")
    house, before = House.here(), os.sched_getaffinity(0)
    services = {
        **house.services,
        DATABASE: house.services[DATABASE].model_copy(update={"command": ("no-such-program",)}),
    }
    runtime = ProcessRuntime(lambda _: services, {})
    profile = profiles.read(LOADTESTS, "smoke")
    stack = next(iter(house.stacks.values()))
    plan = choose.plan(profile, [stack], scenarios.find(LOADTESTS, ["json"]), seed=1)
    session = Session(plan, house.stacks, services, runtime, house.cpus, RunFolder(tmp_path / "run"), Reporter())
    with pytest.raises(LabError, match="no-such-program"):
        session.run()
    assert os.sched_getaffinity(0) == before
