"""Measure disturbances of the machine: a reference workload, the kernel's pressure figures, the frequency.

The reference workload is a fixed piece of work on the server's CPU. It is timed before and after each block, while nothing
else of the lab runs. If it takes longer than usual, something outside of the lab slowed the machine down.

It first runs unmeasured, since a CPU that slept is up to a fifth slower for its first 10 to 30 ms. Then it runs so long that
a single interruption (some ms) is lost in the mean, while another program on the same CPU is not.
"""

import contextlib
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from lab.host import cgroups
from lab.host.machine import running_on
from lab.model.noun import Noun

_UNMEASURED = 100
_SPINS = 400
_ROUNDS = 20_000
"""A spin takes about half a millisecond."""


class Moment(Noun):
    """The machine at one moment; running totals in seconds since boot, None where the kernel has none."""

    reference_s: float
    pressure_s: dict[str, float]
    """Time in which some task waited for cpu, io or memory (PSI, `some`)."""
    throttled_s: float | None = None
    """Time that a quota kept the lab's own control group, or one above it, from running."""
    frequency_mhz: float | None = None


def look(cpus: Collection[int]) -> Moment:
    """Time the reference workload on these CPUs and read the kernel's figures; takes about 0.25 s."""
    return Moment(
        reference_s=reference_s(cpus),
        pressure_s=_pressure_s(),
        throttled_s=throttled_s(),
        frequency_mhz=_frequency_mhz(min(cpus)),
    )


def reference_s(cpus: Collection[int]) -> float:
    """Return the mean wall time of the reference workload on these CPUs, in seconds."""
    with running_on(cpus):
        _spin_s(_UNMEASURED)
        return _spin_s(_SPINS) / _SPINS


def _spin_s(spins: int) -> float:
    began_s = time.perf_counter()
    for _ in range(spins):
        total = 0
        for number in range(_ROUNDS):
            total += number * number
    return time.perf_counter() - began_s


def _pressure_s() -> dict[str, float]:
    found = {}
    for kind in ("cpu", "io", "memory"):
        with contextlib.suppress(OSError):
            some = Path(f"/proc/pressure/{kind}").read_text().splitlines()[0]
            found[kind] = int(some.rpartition("total=")[2]) / 1e6
    return found


def throttled_s() -> float | None:
    """Return the seconds for which quotas have stopped the control groups of this process, the largest of them."""
    return throttled_in(cgroups.above("self", "cpu"))


def own_groups(pid: int, others: Iterable[int]) -> list[Path]:
    """Return the control groups that hold a process and none of the others, so that their quotas limit it alone."""
    shared = {group for other in others for group in cgroups.above(other, "cpu")}
    return [group for group in cgroups.above(pid, "cpu") if group not in shared]


def throttled_in(groups: Iterable[Path]) -> float | None:
    """Return the seconds for which quotas have stopped these control groups, the largest of them; None without any."""
    return max((total for group in groups if (total := _throttled_s(group)) is not None), default=None)


def _throttled_s(group: Path) -> float | None:
    """Convert from the nanoseconds of cgroup v1 or the microseconds of v2; a root group has neither."""
    with contextlib.suppress(OSError):
        totals = cgroups.totals(group / "cpu.stat")
        for name, per_s in (("throttled_usec", 1e6), ("throttled_time", 1e9)):
            if name in totals:
                return totals[name] / per_s
    return None


def _frequency_mhz(cpu: int) -> float | None:
    try:
        return int(Path(f"/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq").read_text()) / 1e3
    except OSError:
        return None
