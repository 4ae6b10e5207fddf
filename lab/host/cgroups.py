"""Find the control groups of a process, in both versions (cgroups(7))."""

from pathlib import Path

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")


def folder(pid: int | str, controller: str) -> Path:
    """Return the folder of a process's control group: of that controller in cgroup v1, of all in v2.

    Raises:
        OSError: the process has ended.
        KeyError: it is in no such group.
    """
    for line in (_PROC / str(pid) / "cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return _CGROUPS / controller / path.lstrip("/")
        if number == "0" and (_CGROUPS / "cgroup.controllers").exists():
            return _CGROUPS / path.lstrip("/")
    raise KeyError(controller)


def above(pid: int | str, controller: str) -> list[Path]:
    """Return the folders of a process's control group and of those that hold it, the innermost first."""
    inner = folder(pid, controller)
    return [one for one in (inner, *inner.parents) if one.is_relative_to(_CGROUPS)]
