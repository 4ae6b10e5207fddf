"""A CPU quota on a server is read as what kept it from running; where it cannot be given it is named."""

import os
import sys
import time
from pathlib import Path

import pytest

from lab.analysis.validity.limits import Limits
from lab.analysis.validity.notes import Kind
from lab.analysis.validity.verdict import judge
from lab.config import compose
from lab.config.project import Project
from lab.errors import LabError
from lab.host import cgroups, noise, readings
from lab.model.stack import Arm, Service
from lab.runtime import process, quota
from lab.runtime.process import ProcessRuntime
from tests.conftest import edit, measured, needs, needs_engine, remeasured, until

needs_group = needs(None if quota.parent() else "no control group with a quota can be made here")

FLASK = "flask-gunicorn"


def limit(checkout: Path) -> None:
    edit(
        checkout / "docker-compose.yml",
        f"  {FLASK}:\n    <<: *server\n",
        f"  {FLASK}:\n    <<: *server\n    cpus: 0.2\n",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "runtime", [pytest.param("docker", marks=needs_engine), pytest.param("process", marks=needs_group)]
)
def test_a_server_with_a_quota_is_throttled_and_not_slow(checkout: Path, runtime: str) -> None:
    limit(checkout)
    sample = measured(checkout, FLASK, window_s=2, runtime=runtime)
    cpu_s, throttled_s = sample.usage["server"].cpu_s, sample.server_throttled_s
    assert cpu_s is not None
    assert cpu_s < 0.2 * 2 * 1.3
    assert throttled_s is not None
    assert throttled_s > 0.4, "others on its CPU leave less to be throttled: 1.6 s without them"
    assert (sample.lab_throttled_s or 0) < 0.1
    assert sample.serving_replaced == 0
    verdict = judge(sample, Limits())
    assert verdict.bound_by == "CPU quota"
    assert Kind.QUOTA in {note.kind for note in verdict.notes}


@needs_group
@remeasured
def test_a_process_with_a_quota_is_held_to_it_and_leaves_no_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "COMPOSE_PROJECT", f"test-{os.getpid()}")
    code = "while True: pass"
    service = Service(name="one", command=(Path(sys.executable).name, "-c", code), cpus=0.2, stop_grace_period_s=0.3)
    runtime = ProcessRuntime(lambda _: {"one": service}, {})
    assert runtime.not_applied(["one"]) == []
    runtime.create([Arm(label="one", service="one", port=1)], tmp_path)
    runtime.run("one")
    try:
        target = runtime.target("one")
        group, began_s = cgroups.folder(target.pid, "cpu"), time.monotonic()
        until(lambda: (readings.cpu_s(target) or 0) > 0.2)
        assert time.monotonic() - began_s > 0.7, "0.2 s at 0.2 CPUs take a second"
        assert (noise.throttled_in([group]) or 0) > 0
    finally:
        ProcessRuntime(lambda _: {}, {}).stop_all()  # a later command's, which knows nothing of this one
        runtime.stop(["one"])
    assert not group.exists()


def test_a_quota_that_the_process_runtime_cannot_give_is_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(checkout)
    described = compose.read(checkout / "docker-compose.yml", Project.here().variables)
    runtime = ProcessRuntime(lambda _: described, {})
    monkeypatch.setattr(quota, "parent", lambda: None)
    assert "cpus" in runtime.not_applied([FLASK])
    (sentence,) = quota.not_given(runtime.not_applied([FLASK]))
    assert "`cpus:` of docker-compose.yml is not applied" in sentence
    assert list(quota.not_given(runtime.not_applied(["fastapi-uvicorn"]))) == []
    assert "cpus" not in runtime.not_applied(["fastapi-uvicorn"])
    assert quota.give(1, 0.2) is None


def test_a_quota_of_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "docker-compose.yml"
    path.write_text("services: {one: {command: [x], cpus: -1}}")
    with pytest.raises(LabError, match="service one, cpus"):
        compose.read(path, {})
