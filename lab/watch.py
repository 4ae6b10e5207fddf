"""Reads what a server uses: CPU time, memory, threads, context switches; from control groups or from processes.

CPU time of a process is read from its CPU-time clock in nanoseconds (/proc's ticks are 10 ms); that of a container from
cgroup v1 `cpuacct.usage` or v2 `cpu.stat`. The engine's own `stats` call takes a second and is not used.
"""

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

from lab import cgroups
from lab.errors import LabError
from lab.nouns import Noun, Target, Usage

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Reading(Noun):
    """Running totals of one target at one moment."""

    at_s: float
    cpu_s: float
    context_switches: int | None
    threads: int | None


class CoreReading(Noun):
    """Running totals of one CPU, from /proc/stat, in seconds."""

    busy_s: float
    stolen_s: float
    total_s: float


def read(target: Target) -> Reading:
    """The totals of a target now.

    Raises:
        LabError: it has ended.
    """
    try:
        pids = _pids(target)
        if _is_zombie(target.pid):
            raise ProcessLookupError
        return Reading(
            at_s=time.monotonic(), cpu_s=_used_s(target), context_switches=_switches(pids), threads=_threads(pids)
        )
    except (OSError, KeyError):
        raise LabError(f"Process {target.pid} ended while it was watched.") from None


def _is_zombie(pid: int) -> bool:
    """Whether a process has ended and waits for its parent to ask how; an OSError where it is gone altogether."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def cpu_s(target: Target) -> float:
    """CPU seconds that a target has used since its start; 0.0 for one that has ended."""
    try:
        return _used_s(target)
    except (OSError, KeyError):
        return 0.0


def _used_s(target: Target) -> float:
    return _cgroup_cpu_s(target.pid) if target.contained else sum(map(_process_cpu_s, _pids(target)))


def usage(before: Reading, after: Reading, window_s: float, memory_bytes: int | None) -> Usage:
    """What was used in a window; the CPU time is scaled from the time between the two readings to `window_s`."""
    between_s = after.at_s - before.at_s
    switches = None
    if before.context_switches is not None and after.context_switches is not None:
        switches = max(0, after.context_switches - before.context_switches)
    return Usage(
        cpu_s=max(0.0, after.cpu_s - before.cpu_s) * window_s / between_s,  # less than 0: some processes have ended
        memory_bytes=memory_bytes,
        threads=after.threads,
        context_switches=switches,
    )


def memory_bytes(target: Target) -> int | None:
    """Memory that is the target's own: PSS summed over its processes, or the cgroup's memory less its page cache."""
    try:
        if target.contained:
            return _cgroup_memory(target.pid)
        return sum(_pss(pid) for pid in _pids(target))
    except (OSError, KeyError):
        return None


def cores(cpus: Iterable[int], stat: Path = Path("/proc/stat")) -> dict[int, CoreReading]:
    """What each of these CPUs did since boot; /proc/stat counts in steps of 10 ms."""
    lines = (line.split() for line in stat.read_text().splitlines() if line.startswith("cpu"))
    ticks = {words[0]: [int(word) / _TICKS_PER_S for word in words[1:9]] for words in lines}
    return {cpu: _core(*ticks[f"cpu{cpu}"]) for cpu in cpus}


def _core(  # the columns of proc_stat(5)
    user: float, nice: float, system: float, idle: float, iowait: float, irq: float, softirq: float, steal: float
) -> CoreReading:
    busy_s = user + nice + system + irq + softirq
    return CoreReading(busy_s=busy_s, stolen_s=steal, total_s=busy_s + idle + iowait + steal)


def busy_share(before: CoreReading, after: CoreReading) -> float | None:
    """Share (0 to 1) of the CPUs' time between two readings that was spent working; None if no tick passed."""
    total_s = after.total_s - before.total_s
    return (after.busy_s - before.busy_s) / total_s if total_s > 0 else None


def stolen_share(before: CoreReading, after: CoreReading) -> float | None:
    """Share (0 to 1) that the hypervisor gave to others."""
    total_s = after.total_s - before.total_s
    return (after.stolen_s - before.stolen_s) / total_s if total_s > 0 else None


def _pids(target: Target) -> list[int]:
    if target.contained:
        folder = cgroups.folder(target.pid, "pids")
        return [int(line) for line in (folder / "cgroup.procs").read_text().split()]
    return _tree(target.pid)


def _tree(pid: int) -> list[int]:
    """The process and its descendants, from the kernel's own lists: walking all of /proc would load the generator's core."""
    children = (int(child) for task in _tasks(pid) for child in _children(task))
    return [pid, *(descendant for child in children for descendant in _tree(child))]


def _children(task: Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return (task / "children").read_text().split()
    return []


def _process_cpu_s(pid: int) -> float:
    """CPU time of all threads of a process, ended ones included (see clock_getcpuclockid(3))."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def _cgroup_cpu_s(pid: int) -> float:
    folder = cgroups.folder(pid, "cpuacct")
    v1 = folder / "cpuacct.usage"
    if v1.exists():
        return int(v1.read_text()) / 1e9
    return _flat(folder / "cpu.stat")["usage_usec"] / 1e6


def _cgroup_memory(pid: int) -> int:
    folder = cgroups.folder(pid, "memory")
    totals = _flat(folder / "memory.stat")
    if "total_rss" in totals:
        return totals["total_rss"] + totals.get("total_shmem", 0)
    return totals["anon"] + totals["shmem"]


def _flat(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in path.read_text().splitlines())
    return {key: int(value) for key, value in pairs}


def _pss(pid: int) -> int:
    """Proportional set size: shared pages count for each process by its share."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise KeyError("Pss")


def _threads(pids: Iterable[int]) -> int:
    return sum(len(_tasks(pid)) for pid in pids)


def _switches(pids: Iterable[int]) -> int:
    return sum(_task_switches(task) for pid in pids for task in _tasks(pid))


def _tasks(pid: int) -> list[Path]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return list(Path(f"/proc/{pid}/task").iterdir())
    return []


def _task_switches(task: Path) -> int:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        lines = (line.partition(":") for line in (task / "status").read_text().splitlines())
        return sum(int(value) for name, _, value in lines if name.endswith("_ctxt_switches"))
    return 0
