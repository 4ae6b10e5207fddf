"""What the machine did beside the measurement: a canary, the kernel's pressure figures, frequency.

The canary is a fixed piece of work on the server's CPU, timed before and after each block while nothing else of the lab
runs: where it takes longer than usual, the machine was slower for reasons of its own.
"""

import os
import statistics
import time
from collections.abc import Collection
from pathlib import Path

from lab.nouns import Noun

_SPINS = 15
_ROUNDS = 20_000


class Moment(Noun):
    """The machine at one moment; running totals in seconds since boot, None where the kernel does not say."""

    canary_s: float
    pressure_s: dict[str, float]
    """Time in which some task waited for cpu, io or memory (PSI, `some`)."""
    frequency_mhz: float | None = None


def look(cpus: Collection[int]) -> Moment:
    """Times the canary on these CPUs and reads the kernel's figures; takes about 50 ms."""
    return Moment(canary_s=canary_s(cpus), pressure_s=_pressure_s(), frequency_mhz=_frequency_mhz(min(cpus)))


def canary_s(cpus: Collection[int]) -> float:
    """Median wall time of the fixed work on these CPUs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        return statistics.median(_spin_s() for _ in range(_SPINS))
    finally:
        os.sched_setaffinity(0, before)


def _spin_s() -> float:
    began_s = time.perf_counter()
    total = 0
    for number in range(_ROUNDS):
        total += number * number
    return time.perf_counter() - began_s


def _pressure_s() -> dict[str, float]:
    found = {}
    for kind in ("cpu", "io", "memory"):
        try:
            some = Path(f"/proc/pressure/{kind}").read_text().splitlines()[0]
        except OSError:
            continue
        found[kind] = int(some.rpartition("total=")[2]) / 1e6
    return found


def _frequency_mhz(cpu: int) -> float | None:
    try:
        return int(Path(f"/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq").read_text()) / 1e3
    except OSError:
        return None
