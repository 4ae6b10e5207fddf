"""What a run leaves of this process when it ends."""

import os
from pathlib import Path

import pytest

from lab.config import profiles, scenarios, selection
from lab.config.project import Project
from lab.errors import LabError
from lab.paths import LOADTESTS
from lab.run.progress import Reporter
from lab.run.servers import DATABASE
from lab.run.session import Session
from lab.run.store import RunFolder
from lab.runtime import process
from lab.runtime.process import ProcessRuntime


def test_the_cpus_of_this_process_are_its_own_again_after_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "COMPOSE_PROJECT", f"test-{os.getpid()}")
    project, before = Project.here(), os.sched_getaffinity(0)
    services = {
        **project.services,
        DATABASE: project.services[DATABASE].model_copy(update={"command": ("no-such-program",)}),
    }
    runtime = ProcessRuntime(lambda _: services, {})
    profile = profiles.read(LOADTESTS, "smoke")
    stack = next(iter(project.stacks.values()))
    plan = selection.plan(profile, [stack], scenarios.find(LOADTESTS, ["json"]), seed=1)
    session = Session(plan, project.stacks, services, runtime, project.cpus, RunFolder(tmp_path / "run"), Reporter())
    with pytest.raises(LabError, match="no-such-program"):
        session.run()
    assert os.sched_getaffinity(0) == before
