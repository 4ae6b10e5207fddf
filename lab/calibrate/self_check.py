"""Part (c): compare the CPU time that the lab reads with the CPU time burnt. Part (e): measure the memory of recording.

`python -m lab.calibrate.self_check closed|open <requests>` does part (e) in a process of its own and prints a Memory.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Literal, cast

import numpy as np
import psutil
from numpy.typing import NDArray

from lab.calibrate.generators import NUMBERED, Generators
from lab.calibrate.known_servers import Place
from lab.calibrate.result import CpuTruth, Finding, Memory
from lab.host import cgroups
from lab.load.driver.recorder import Digest, Recorder
from lab.paths import ROOT

Kind = Literal["closed", "open"]

CPU_GOAL = 0.05
MEMORY_GOAL_BYTES = 150_000_000
REQUESTS = 10_000_000
RATE = 30_000
"""Simulated requests per second."""
USERS = 4
CONTROLLERS = ("cpuacct", "pids")
"""The controllers that the lab reads of a container: in cgroup v1 each has its own folders, in v2 all share one."""


def burn(place: Place, generators: Generators, window_s: float = 4.0, *, contained: bool = False) -> CpuTruth | None:
    """Load a server that burns CPU time and logs the amount; return None where no control group can be made.

    Args:
        contained: read its CPU time from a control group, as of a container.
    """
    with place.delays("burning") as server:
        with _own_group(server.target.pid) if contained else nullcontext(True) as is_there:
            if not is_there:
                return None
            target = server.target.model_copy(update={"contained": contained})
            seen = generators.drive(server, NUMBERED, f"closed:{USERS}", 0.5, window_s, target)
        log = server.log()
    inside = [burnt for at_s, burnt in log.burnt if seen.driven.window_start_s <= at_s < seen.driven.window_end_s]
    return CpuTruth(
        requests=seen.driven.completed,
        burnt_us_per_request=sum(inside) / len(inside) * 1e6,
        read_us_per_request=seen.cpu_s() / seen.driven.completed * 1e6,
    )


@contextmanager
def _own_group(pid: int) -> Iterator[bool]:
    """Move a process into control groups of its own, as a container engine does, and back; False where not permitted."""
    with ExitStack() as made:
        try:
            for parent in dict.fromkeys(cgroups.folder(pid, controller) for controller in CONTROLLERS):
                group = parent / f"lab-calibrate-{pid}"
                group.mkdir()
                made.callback(_leave, group, pid)
                (group / "cgroup.procs").write_text(str(pid))
            is_there = True
        except (OSError, KeyError):
            is_there = False
        yield is_there


def _leave(group: Path, pid: int) -> None:
    with suppress(OSError):  # the process has ended
        (group.parent / "cgroup.procs").write_text(str(pid))
    with suppress(OSError):
        group.rmdir()


def record(load: Kind, requests: int = REQUESTS) -> Memory:
    """Record as the loops of the driver do, in a process of its own."""
    words = [sys.executable, "-m", "lab.calibrate.self_check", load, str(requests)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return Memory.model_validate_json(done.stdout)


def _record(load: Kind, requests: int) -> Memory:
    """Fill a recorder as the loops of the driver do, compute the figures, and return the memory that this took."""
    schedule = np.arange(requests) / RATE  # open load draws it before it begins
    _digest(_filled(load, schedule[:1000]), load)  # modules loaded at the first use are not the recorder's memory
    before = psutil.Process().memory_info().rss
    recorder = _filled(load, schedule)
    added = psutil.Process().memory_info().rss - before
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here (proc(5))
    _digest(recorder, load)
    return Memory(load=load, requests=requests, added_bytes=added, peak_added_bytes=_peak_bytes() - before)


def _filled(load: Kind, schedule: NDArray[np.float64]) -> Recorder:
    recorder, is_open = Recorder(), load == "open"
    if is_open:
        recorder.follow(schedule)
    correct = recorder.correct
    for number in range(len(schedule)):
        correct.due.append(number if is_open else number / RATE)
        correct.latency.append(0.005)
        if is_open:
            correct.lag.append(0.0001)
    return recorder


def _digest(recorder: Recorder, load: Kind) -> None:
    Digest(recorder, 0, len(recorder.correct.due) / RATE, is_open=load == "open")


def _peak_bytes() -> int:
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return next((int(words[1]) * 1024 for words in lines if words[0] == "VmHWM:"), 0)


def cpu_findings(of_process: CpuTruth | None, of_group: CpuTruth | None) -> list[Finding]:
    """Compare the readings with the time burnt; without a control group there is none for it."""
    readings = {"process": of_process, "control group": of_group}
    return [_cpu_finding(name, seen) for name, seen in readings.items() if seen is not None]


def _cpu_finding(name: str, seen: CpuTruth) -> Finding:
    off = seen.read_us_per_request / seen.burnt_us_per_request - 1
    return Finding(
        part="CPU",
        figure=f"CPU time per request, {name}: read / burnt, in us",
        value=f"{seen.read_us_per_request:,.0f} / {seen.burnt_us_per_request:,.0f} ({off:+.1%})",
        goal=f"within {CPU_GOAL:.0%}",
        met=abs(off) <= CPU_GOAL,
    )


def memory_findings(seen: tuple[Memory, ...]) -> list[Finding]:
    """Return the memory that recording added, closed and open."""
    return [
        Finding(
            part="memory",
            figure=f"{one.requests:,} requests of {one.load} load: MB added; peak while computed",
            value=f"{one.added_bytes / 1e6:,.0f}; {one.peak_added_bytes / 1e6:,.0f}",
            goal=f"at most {MEMORY_GOAL_BYTES / 1e6:.0f}",
            met=max(one.added_bytes, one.peak_added_bytes) <= MEMORY_GOAL_BYTES,
        )
        for one in seen
    ]


if __name__ == "__main__":
    print(_record(cast("Kind", sys.argv[1]), int(sys.argv[2])).model_dump_json())  # noqa: T201  # the answer
