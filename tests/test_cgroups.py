"""Both versions of control groups give the same figures; the files are laid out as the kernel does."""

from pathlib import Path

import pytest

from lab.errors import LabError
from lab.host import cgroups, noise, processes, readings
from lab.model.stack import Target

PID = 4711
CONTAINER = Target(pid=PID, contained=True)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cgroups, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(cgroups, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(processes, "_PROC", tmp_path / "proc")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_version_1_has_a_folder_for_each_controller(root: Path) -> None:
    write(root / f"proc/{PID}/cgroup", "5:cpu,cpuacct:/docker/c\n4:memory:/docker/c\n0::/docker/c\n")
    write(root / "cgroup/cpuacct/docker/c/cpuacct.usage", "2500000000\n")
    write(root / "cgroup/memory/docker/c/memory.stat", "cache 9\ntotal_cache 7\ntotal_rss 3000\ntotal_shmem 500\n")
    assert readings.cpu_s(CONTAINER) == 2.5
    assert readings.memory_bytes(CONTAINER) == 3500


def test_version_2_has_one_folder_for_all(root: Path) -> None:
    write(root / "cgroup/cgroup.controllers", "cpu memory pids\n")
    write(root / f"proc/{PID}/cgroup", "0::/system.slice/docker-c.scope\n")
    folder = root / "cgroup/system.slice/docker-c.scope"
    write(folder / "cpu.stat", "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n")
    write(folder / "memory.stat", "anon 3000\nfile 900\nshmem 500\n")
    assert readings.cpu_s(CONTAINER) == 2.5
    assert readings.memory_bytes(CONTAINER) == 3500


@pytest.mark.parametrize(
    ("groups", "inner", "outer"),
    [
        ("3:cpu,cpuacct:/quota/lab\n0::/\n", "cpu/quota/lab", "cpu/quota"),
        ("0::/quota/lab\n", "quota/lab", "quota"),
    ],
    ids=["v1", "v2"],
)
def test_the_quota_of_a_group_above_counts_too(root: Path, groups: str, inner: str, outer: str) -> None:
    v1 = "cpu," in groups
    total = "nr_throttled 3\nthrottled_time 400000000\n" if v1 else "nr_throttled 3\nthrottled_usec 400000\n"
    if not v1:
        write(root / "cgroup/cgroup.controllers", "cpu memory pids\n")
    write(root / "proc/self/cgroup", groups)
    write(root / f"cgroup/{inner}/cpu.stat", total.replace("4", "1"))
    write(root / f"cgroup/{outer}/cpu.stat", total)
    assert noise.throttled_s() == pytest.approx(0.4)


@pytest.mark.parametrize("version", [1, 2])
def test_a_quota_of_the_servers_own_group_is_told_from_one_above_the_lab_too(root: Path, version: int) -> None:
    """The machine's slice was throttled for 9 s, with the lab, the database and the server in it; the server's own for 0.4 s."""
    base = root / "cgroup" / ("cpu" if version == 1 else "")
    line = (
        "nr_throttled 3\nthrottled_time {}000000000\n" if version == 1 else "nr_throttled 3\nthrottled_usec {}000000\n"
    )
    write(root / "cgroup/cgroup.controllers", "cpu\n")
    for pid, group in ((PID, "slice/server"), (1, "slice/lab"), (2, "slice/database")):
        write(root / f"proc/{pid}/cgroup", f"3:cpu,cpuacct:/{group}\n" if version == 1 else f"0::/{group}\n")
        write(base / group / "cpu.stat", line.format(7))
    write(base / "slice/cpu.stat", line.format(9))
    write(base / "slice/server/cpu.stat", line.format(0).replace(" 0000", " 4000").replace("4000000000", "400000000"))
    groups = noise.own_groups(PID, [1, 2])
    assert groups == [base / "slice/server"]
    assert noise.throttled_in(groups) == pytest.approx(0.4 if version == 1 else 4.0)


def test_a_server_in_the_labs_own_group_has_no_quota_of_its_own(root: Path) -> None:
    write(root / "cgroup/cgroup.controllers", "cpu\n")
    for pid in (PID, 1):
        write(root / f"proc/{pid}/cgroup", "0::/lab\n")
    write(root / "cgroup/lab/cpu.stat", "nr_throttled 3\nthrottled_usec 400000\n")
    assert noise.own_groups(PID, [1]) == []
    assert noise.throttled_in([]) is None


def test_where_no_group_has_a_quota_the_time_is_not_known(root: Path) -> None:
    write(root / "proc/self/cgroup", "3:cpuacct:/\n")
    assert noise.throttled_s() is None


def test_the_cpu_time_of_a_container_that_has_ended_is_not_zero(root: Path) -> None:
    assert not (root / "proc").exists()
    assert readings.cpu_s(CONTAINER) is None
    assert readings.used_s(None, readings.cpu(CONTAINER)) is None
    with pytest.raises(LabError, match="ended while it was watched"):
        readings.read(CONTAINER)


def test_memory_that_cannot_be_read_is_not_zero(root: Path) -> None:
    write(root / f"proc/{PID}/cgroup", "0::/gone\n")
    assert readings.memory_bytes(CONTAINER) is None
