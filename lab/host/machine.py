"""Collect facts about this machine, and plan the CPUs of each role. A fact that could not be read is left out."""

import contextlib
import os
import platform
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil

from lab.errors import LabError
from lab.model.noun import Noun
from lab.model.stack import NOT_OPTIMIZED, OPTIMIZED

_CPU = Path("/sys/devices/system/cpu")


def cpu_list(cpus: Iterable[int]) -> str:
    """Return `0,2,3`, the form of Compose's cpuset."""
    return ",".join(map(str, sorted(cpus)))


def parse_cpus(text: str) -> tuple[int, ...]:
    """Return (0, 2, 3, 4) for `0,2-4`.

    Raises:
        LabError: the text is no such list.
    """
    try:
        spans = [tuple(map(int, part.split("-"))) for part in text.split(",")]
        return tuple(sorted({cpu for span in spans for cpu in range(span[0], span[-1] + 1)}))
    except ValueError:
        raise LabError(f"{text!r} is no list of CPUs: write it like 0,2-4.") from None


@contextlib.contextmanager
def running_on(cpus: Iterable[int]) -> Iterator[None]:
    """Keep this thread, and what it starts, on these CPUs inside the block; with none, on those that it had."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, tuple(cpus) or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class CpuPlan(Noun):
    """CPU numbers of the server under test, and of all others (generator, database, upstream, the lab)."""

    server: tuple[int, ...]
    others: tuple[int, ...]

    @property
    def shared(self) -> bool:
        """Return whether the server shares a CPU with the others, as on a machine of one CPU."""
        return bool(set(self.server) & set(self.others))

    def variables(self) -> dict[str, str]:
        """Return the plan as variables of docker-compose.yml."""
        return {"LAB_SERVER_CPUS": cpu_list(self.server), "LAB_OTHER_CPUS": cpu_list(self.others)}


def usable() -> tuple[int, ...]:
    """Return the CPUs that this process may use."""
    return tuple(sorted(os.sched_getaffinity(0)))


def plan_cpus(server: str | None = None, others: str | None = None) -> CpuPlan:
    """Plan one physical core for the server and the rest for the others; SMT siblings stay together.

    Args:
        server, others: a list of CPUs (`0,2-3`) that overrides the plan.

    Raises:
        LabError: a list names a CPU that this process may not use.
    """
    allowed = usable()
    siblings = _text(_CPU / f"cpu{allowed[0]}/topology/thread_siblings_list") or str(allowed[0])
    mine = parse_cpus(server) if server else tuple(cpu for cpu in parse_cpus(siblings) if cpu in allowed)
    rest = parse_cpus(others) if others else tuple(cpu for cpu in allowed if cpu not in mine) or allowed
    if foreign := sorted((set(mine) | set(rest)) - set(allowed)):
        raise LabError(f"CPU {foreign[0]} cannot be used here: choose from {cpu_list(allowed)}.")
    return CpuPlan(server=mine, others=rest)


def facts() -> dict[str, Any]:
    """Return the facts of the machine that a reader needs to judge a run; those that could not be read are left out."""
    found = {
        "system": f"{platform.system()} {platform.release()}",
        "distribution": platform.freedesktop_os_release().get("PRETTY_NAME"),
        "architecture": platform.machine(),
        "cpu": _cpuinfo("model name") or platform.processor() or None,
        "cpus": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "hypervisor": _hypervisor(),
        "governor": _text(_CPU / "cpu0/cpufreq/scaling_governor"),
        "python": platform.python_version(),
        "python_build": python_build(),
        "cgroup": "v2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "v1",
        "load_average_1min": os.getloadavg()[0],
    }
    return {name: value for name, value in found.items() if value is not None}


def python_build(arguments: str | None = sysconfig.get_config_var("CONFIG_ARGS")) -> str | None:
    """Return how this Python was built: with profile-guided optimization, as distributions build it, or not; None if unknown."""
    if not arguments:
        return None
    return OPTIMIZED if "--enable-optimizations" in arguments else NOT_OPTIMIZED


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except OSError:
        return None


def _cpuinfo(key: str) -> str | None:
    lines = (line.partition(":") for line in (_text(Path("/proc/cpuinfo")) or "").splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == key), None)


def _hypervisor() -> str | None:
    if " hypervisor " not in f" {_cpuinfo('flags') or ''} ":
        return None
    return _text(Path("/sys/class/dmi/id/sys_vendor")) or "yes"
