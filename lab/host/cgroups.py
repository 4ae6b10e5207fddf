"""Find the control groups of a process, in both versions (cgroups(7))."""

from contextlib import suppress
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
    """Return the folders of a process's control group and of those that hold it, the innermost first; none if unknown."""
    with suppress(OSError, KeyError):
        inner = folder(pid, controller)
        return [one for one in (inner, *inner.parents) if one.is_relative_to(_CGROUPS)]
    return []


def totals(file: Path) -> dict[str, int]:
    """Return the named figures of a file with one on each line, like cpu.stat.

    Raises:
        OSError: the file cannot be read.
    """
    pairs = (line.split() for line in file.read_text().splitlines())
    return {name: int(value) for name, value in pairs}
