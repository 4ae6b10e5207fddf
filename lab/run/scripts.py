"""Run the scripts of stacks/micro/ in a runtime, and write what they measured to micro.json."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.analysis.micro import Original
from lab.errors import LabError
from lab.host import machine, readings
from lab.model.stack import Service
from lab.paths import MICRO, ROOT
from lab.run import provenance
from lab.run.progress import Reporter
from lab.runtime.interface import Runtime

SERVICE = "micro"


@dataclass(frozen=True)
class Effort:
    """How much is measured; the default takes two minutes."""

    processes: int = 16
    """Worker processes of each step."""
    values: int = 60
    """Of each worker process, behind one that warms up."""
    min_time_s: float = 0.001
    """Of a value, at least: less than a time slice of the scheduler."""
    naive_processes: int = 30
    naive_calls: int = 100_000


USUAL = Effort()


def measure(
    services: Mapping[str, Service], runtime: Runtime, folder: Path, say: Reporter, effort: Effort = USUAL
) -> Original:
    """Measure ladder and naive benchmark, write both to micro.json in the folder, and return them.

    Raises:
        LabError: a script could not be started, or failed; then nothing is written.
    """
    service = services[SERVICE]
    say.step(f"Preparing {SERVICE} ({runtime.name}) …")
    runtime.prepare([SERVICE])
    started_at, began_s = datetime.now(UTC), time.monotonic()
    facts, others = provenance.surroundings({SERVICE: service}), set(machine.usable()) - set(service.cpuset)
    before = readings.cores(others)
    say.step(f"Measuring each step in {effort.processes} processes, about two minutes.")
    ladder = _answer(
        runtime,
        "ladder",
        f"--processes={effort.processes}",
        f"--values={effort.values}",
        f"--min-time={effort.min_time_s}",
    )
    say.step(f"Measuring the naive benchmark in {effort.naive_processes} processes, about a quarter of a minute.")
    naive = _answer(runtime, "naive", f"--processes={effort.naive_processes}", f"--calls={effort.naive_calls}")
    shares = (readings.busy_share(before[cpu], now) for cpu, now in readings.cores(others).items())
    found = Original.read(
        {
            "format": 1,
            "started_at": started_at,
            "took_s": time.monotonic() - began_s,
            "runtime": runtime.name,
            "cpus": service.cpuset,
            "others_busy": max((share for share in shares if share is not None), default=None),
            **facts,
            "versions": provenance.locked_versions(ROOT / service.lock) if service.lock else {},
            "calls": effort.naive_calls,
            **ladder,
            "naive": naive,
        },
        "stacks/micro",
    )
    _write(folder, found)
    return found


def _answer(runtime: Runtime, script: str, *words: str) -> Any:
    """Return what a script printed."""
    output = runtime.output_of(SERVICE, ["python3", "-m", f"stacks.micro.{script}", *words])
    try:
        return json.loads(output)
    except ValueError as error:
        raise LabError(f"stacks/micro/{script}.py printed no JSON ({error}): call it alone to see why.") from None


def _write(folder: Path, found: Original) -> None:
    """Write micro.json whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{MICRO}.partial"
    partial.write_text(found.model_dump_json(indent=1) + "\n")
    partial.replace(folder / MICRO)
