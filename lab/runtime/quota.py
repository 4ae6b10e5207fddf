"""Give a process a CPU quota: a control group of its own, as a container engine makes one (cgroups(7))."""

import contextlib
import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from lab.errors import LabError
from lab.host import cgroups
from lab.paths import COMPOSE_PROJECT

_PERIOD_US = 100_000
"""The period of container engines."""
_LIMIT = {"cpu.cfs_quota_us": "{quota_us}", "cpu.max": f"{{quota_us}} {_PERIOD_US}"}
"""File of cgroup v1 and of v2 -> text to write; v1 has this period by default."""
_EMPTY_WITHIN_S = 5


def parent() -> Path | None:
    """Return the innermost control group of this process that can hold one with a quota; None without one."""
    return next((group for group in cgroups.above("self", "cpu") if _holds_quotas(group)), None)


def give(pid: int, cpus: float) -> Path | None:
    """Move a process into a group that may use the time of `cpus` CPUs; return the group, None if none can be made.

    Raises:
        LabError: the kernel refuses this quota.
    """
    above = parent()
    if above is None:
        return None
    group = above / f"{COMPOSE_PROJECT}-{pid}"
    try:
        group.mkdir(exist_ok=True)
        _limit_file(group).write_text(_LIMIT[_limit_file(group).name].format(quota_us=round(cpus * _PERIOD_US)))
        (group / "cgroup.procs").write_text(str(pid))
    except ProcessLookupError:  # it has ended
        return group
    except OSError as error:
        remove(group)
        raise LabError(f"docker-compose.yml: the kernel refuses cpus={cpus:g}: {error}. Change the value.") from None
    return group


def not_given(not_applied: Collection[str]) -> Iterator[str]:
    """Yield a warning if a CPU quota is among the keys that a runtime does not apply."""
    if "cpus" in not_applied:
        yield (
            "The key `cpus:` of docker-compose.yml is not applied: no control group with a quota can be made here. "
            "Run as root, or use RUNTIME=docker."
        )


def remove(group: Path) -> None:
    """Remove a group as soon as its killed processes are gone; a group that does not exist is no error."""
    deadline_s = time.monotonic() + _EMPTY_WITHIN_S
    while group.exists() and time.monotonic() < deadline_s:
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.01)


def remove_left() -> None:
    """Remove the groups that earlier commands of this checkout left; their processes must have ended."""
    above = parent()
    for group in above.glob(f"{COMPOSE_PROJECT}-*/") if above else ():
        remove(group)


def _holds_quotas(group: Path) -> bool:
    probe = group / f"{COMPOSE_PROJECT}-probe-{os.getpid()}"
    try:
        probe.mkdir()
    except OSError:
        return False
    try:
        return os.access(_limit_file(probe), os.W_OK)
    finally:
        probe.rmdir()


def _limit_file(group: Path) -> Path:
    return next((group / name for name in _LIMIT if (group / name).exists()), group / "no cpu controller")
