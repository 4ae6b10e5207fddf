"""What `doctor` says of this machine follows the overrides that a run follows, and leaves no connection open."""

import gc
import os

import psutil
import pytest

from lab.commands import doctor, images
from lab.config.project import Project
from lab.runtime import auto
from tests.conftest import needs_engine


def test_the_placement_that_a_run_would_have_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    last = max(os.sched_getaffinity(0))
    monkeypatch.setenv("LAB_SERVER_CPUS", str(last))
    assert f"CPUs: server ({last},)" in "\n".join(finding.what for finding in doctor.examine())


def test_the_base_image_is_the_one_that_builds_would_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_BASE_IMAGE", raising=False)
    usual = images.base_image_name()
    monkeypatch.setenv("LAB_BASE_IMAGE", "")
    assert images.base_image_name() == usual, "an empty variable counts as unset, as in Compose"
    monkeypatch.setenv("LAB_BASE_IMAGE", "registry.example/other:1")
    assert images.base_image_name() == "registry.example/other:1"
    assert any("other:1" in finding.what or "no engine" in finding.what for finding in doctor.examine())


@needs_engine
def test_connections_to_the_engine_are_closed() -> None:
    gc.disable()  # what is only collected was not closed
    try:
        before = psutil.Process().num_fds()
        doctor.examine()
        auto.runtime(Project.here(), "docker").close()
        assert psutil.Process().num_fds() == before
    finally:
        gc.enable()
