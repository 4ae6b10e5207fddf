"""Read CPU time, memory, threads and context switches of a server, from control groups or from processes.

The CPU time of a process comes from its CPU-time clock in nanoseconds (/proc's ticks are 10 ms). That of a container comes
from cgroup v1 `cpuacct.usage` or v2 `cpu.stat`. The engine's own `stats` call takes a second and is not used.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab.errors import LabError
from lab.host import cgroups, processes
from lab.host.processes import Account, Accounts, Process
from lab.model.noun import Noun
from lab.model.outcome import Usage
from lab.model.stack import Target

Switches = Mapping[int, int]
"""Thread -> its context switches so far."""


@dataclass(frozen=True)
class Reading:
    """Running totals of one target at one moment; None where they cannot be read."""

    at_s: float
    cpu: Accounts | None
    switches: Switches | None


class CoreReading(Noun):
    """Running totals of one CPU, from /proc/stat, in seconds."""

    busy_s: float
    stolen_s: float
    total_s: float


def read(target: Target) -> Reading:
    """Return the totals of a target now.

    Raises:
        LabError: it has ended.
    """
    reading = Reading(at_s=time.monotonic(), cpu=cpu(target), switches=_switches(target))
    if processes.has_ended(target.pid):
        raise LabError(f"Process {target.pid} ended while it was watched.")
    return reading


def cpu(target: Target) -> Accounts | None:
    """Return the CPU time of each process of a target, or of its control group as a whole; None if it is not known."""
    if not target.contained:
        return processes.accounts(target.pid)
    try:
        return {Process(target.pid, started=0): Account(parent=0, own_s=_cgroup_cpu_s(target.pid))}
    except (OSError, KeyError):
        return None


def cpu_s(target: Target) -> float | None:
    """Return the CPU seconds that a target has used since its start; None where they cannot be read, or it has ended."""
    accounts = cpu(target)
    return None if accounts is None else processes.total_s(accounts)


def used_s(before: Accounts | None, after: Accounts | None, between: Sequence[Accounts] = ()) -> float | None:
    """Return the CPU seconds between two readings of a target; None where they are not known."""
    return None if before is None or after is None else processes.used_s(before, after, between)


def usage(
    before: Reading, after: Reading, window_s: float, memory_bytes: int | None, between: Sequence[Accounts] = ()
) -> Usage:
    """Return the usage in a window; the CPU time is scaled from the time between the readings to `window_s`."""
    used = used_s(before.cpu, after.cpu, between)
    return Usage(
        cpu_s=None if used is None else used * window_s / (after.at_s - before.at_s),
        memory_bytes=memory_bytes,
        threads=None if after.switches is None else len(after.switches),
        context_switches=_switched(before.switches, after.switches),
    )


def _switched(before: Switches | None, after: Switches | None) -> int | None:
    """Return the context switches between two readings; None if a thread ended, as its own are lost."""
    if before is None or after is None or not before.keys() <= after.keys():
        return None
    switched = sum(after.values()) - sum(before.values())
    return switched if switched >= 0 else None


def memory_bytes(target: Target) -> int | None:
    """Return the target's own memory: PSS summed over its processes, or the cgroup's memory less its page cache.

    In the PSS shared pages count for each process by its share.
    """
    try:
        if target.contained:
            return _cgroup_memory(target.pid)
        first, *others = processes.tree(target.pid)
        return _pss(first) + sum(_pss_or_0(pid) for pid in others)
    except (OSError, KeyError, psutil.Error):
        return None


def _pss(pid: int) -> int:
    return int(psutil.Process(pid).memory_full_info().pss)


def _pss_or_0(pid: int) -> int:
    """Return the PSS of a descendant; one that ended since its parent named it has none."""
    try:
        return _pss(pid)
    except psutil.NoSuchProcess:
        return 0


def cores(cpus: Iterable[int], stat: Path = Path("/proc/stat")) -> dict[int, CoreReading]:
    """Return the totals of each of these CPUs since boot; /proc/stat counts in steps of 10 ms."""
    lines = (line.split() for line in stat.read_text().splitlines() if line.startswith("cpu"))
    ticks = {words[0]: [int(word) / processes.TICKS_PER_S for word in words[1:9]] for words in lines}
    return {cpu: _core(*ticks[f"cpu{cpu}"]) for cpu in cpus}


def _core(  # the columns of proc_stat(5)
    user: float, nice: float, system: float, idle: float, iowait: float, irq: float, softirq: float, steal: float
) -> CoreReading:
    busy_s = user + nice + system + irq + softirq
    return CoreReading(busy_s=busy_s, stolen_s=steal, total_s=busy_s + idle + iowait + steal)


def busy_share(before: CoreReading, after: CoreReading) -> float | None:
    """Return the share (0 to 1) of a CPU's time between two readings in which it was busy; None if no tick passed."""
    return _share(after.busy_s - before.busy_s, after.total_s - before.total_s)


def stolen_share(before: CoreReading, after: CoreReading) -> float | None:
    """Return the share (0 to 1) of a CPU's time that the hypervisor gave to others; None if no tick passed."""
    return _share(after.stolen_s - before.stolen_s, after.total_s - before.total_s)


def _share(part_s: float, total_s: float) -> float | None:
    """Return a share; None if a counter went backwards, as on some virtual machines."""
    return part_s / total_s if total_s > 0 and part_s >= 0 else None


def _cgroup_cpu_s(pid: int) -> float:
    folder = cgroups.folder(pid, "cpuacct")
    v1 = folder / "cpuacct.usage"
    if v1.exists():
        return int(v1.read_text()) / 1e9
    return cgroups.totals(folder / "cpu.stat")["usage_usec"] / 1e6


def _cgroup_memory(pid: int) -> int:
    totals = cgroups.totals(cgroups.folder(pid, "memory") / "memory.stat")
    if "total_rss" in totals:
        return totals["total_rss"] + totals.get("total_shmem", 0)
    return totals["anon"] + totals["shmem"]


def _switches(target: Target) -> Switches | None:
    """Return the context switches of each thread; one that ends while its process is read is left out."""
    found = {}
    try:
        for task in (task for pid in processes.pids_of(target) for task in processes.tasks(pid)):
            with suppress(FileNotFoundError, ProcessLookupError):
                lines = (line.partition(":") for line in (task / "status").read_text().splitlines())
                counts = (int(value) for name, _, value in lines if name.endswith("_ctxt_switches"))
                found[int(task.name)] = sum(counts)
    except (OSError, KeyError):
        return None
    return found
