"""Part (c): compare the CPU time that the lab reads with the CPU time burnt. Part (e): measure the memory of recording."""

import json
import subprocess
import sys
from contextlib import nullcontext
from typing import Literal

from lab.calibrate.generators import Generators
from lab.calibrate.group import own_group
from lab.calibrate.known_servers import Place
from lab.calibrate.result import CpuTruth, Finding, Memory
from lab.paths import ROOT

CPU_GOAL = 0.05
MEMORY_GOAL_BYTES = 150_000_000
REQUESTS = 10_000_000
USERS = 4


def burn(place: Place, generators: Generators, window_s: float = 4.0, *, contained: bool = False) -> CpuTruth | None:
    """Load a server that burns CPU time and logs the amount; return None where no control group can be made.

    Args:
        contained: read its CPU time from a control group, as of a container.
    """
    with place.program("burner") as server:
        with own_group(server.target.pid) if contained else nullcontext(True) as is_there:
            if not is_there:
                return None
            target = server.target.model_copy(update={"contained": contained})
            seen = generators.drive(server, generators.greeting(), f"closed:{USERS}", 0.5, window_s, target)
        rows: list[tuple[float, float]] = json.loads(server.log())
    inside = [burnt for at_s, burnt in rows if seen.driven.window_start_s <= at_s < seen.driven.window_end_s]
    return CpuTruth(
        requests=seen.driven.completed,
        burnt_us_per_request=sum(inside) / len(inside) * 1e6,
        read_us_per_request=seen.cpu_s() / seen.driven.completed * 1e6,
    )


def record(load: Literal["closed", "open"], requests: int = REQUESTS) -> Memory:
    """Record as the loops of the driver do, in a process of its own."""
    words = [sys.executable, "-m", "lab.calibrate.recording", load, str(requests)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return Memory.model_validate_json(done.stdout)


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
