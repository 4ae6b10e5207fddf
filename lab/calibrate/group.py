"""A control group of its own for a process, as a container engine makes one."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.host import cgroups

CONTROLLERS = ("cpuacct", "pids")
"""The controllers that the lab reads of a container: in cgroup v1 each has its own folders, in v2 all share one."""


@contextmanager
def own_group(pid: int) -> Iterator[bool]:
    """Move the process into groups of its own and back again; yield False where this machine does not permit it."""
    made: list[Path] = []
    try:
        for parent in dict.fromkeys(cgroups.folder(pid, controller) for controller in CONTROLLERS):
            group = parent / f"lab-calibrate-{pid}"
            group.mkdir()
            made.append(group)
            (group / "cgroup.procs").write_text(str(pid))
    except (OSError, KeyError):
        _remove(made, pid)
        yield False
        return
    try:
        yield True
    finally:
        _remove(made, pid)


def _remove(groups: list[Path], pid: int) -> None:
    for group in groups:
        with suppress(OSError):  # the process has ended
            (group.parent / "cgroup.procs").write_text(str(pid))
        with suppress(OSError):
            group.rmdir()
