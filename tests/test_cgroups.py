"""Both versions of control groups give the same figures; the files are laid out as the kernel does."""

from pathlib import Path

import pytest

from lab import watch
from lab.nouns import Target

PID = 4711
CONTAINER = Target(pid=PID, contained=True)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(watch, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(watch, "_PROC", tmp_path / "proc")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_version_1_has_a_folder_for_each_controller(root: Path) -> None:
    write(root / f"proc/{PID}/cgroup", "5:cpu,cpuacct:/docker/c\n4:memory:/docker/c\n0::/docker/c\n")
    write(root / "cgroup/cpuacct/docker/c/cpuacct.usage", "2500000000\n")
    write(root / "cgroup/memory/docker/c/memory.stat", "cache 9\ntotal_cache 7\ntotal_rss 3000\ntotal_shmem 500\n")
    assert watch.cpu_s(CONTAINER) == 2.5
    assert watch.memory_bytes(CONTAINER) == 3500


def test_version_2_has_one_folder_for_all(root: Path) -> None:
    write(root / "cgroup/cgroup.controllers", "cpu memory pids\n")
    write(root / f"proc/{PID}/cgroup", "0::/system.slice/docker-c.scope\n")
    folder = root / "cgroup/system.slice/docker-c.scope"
    write(folder / "cpu.stat", "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n")
    write(folder / "memory.stat", "anon 3000\nfile 900\nshmem 500\n")
    assert watch.cpu_s(CONTAINER) == 2.5
    assert watch.memory_bytes(CONTAINER) == 3500


def test_memory_that_cannot_be_read_is_not_zero(root: Path) -> None:
    write(root / f"proc/{PID}/cgroup", "0::/gone\n")
    assert watch.memory_bytes(CONTAINER) is None
