"""`calibrate`: measure all parts one after the other, store them, print the table."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.calibrate import noise_floor, rates, result, self_check, truths
from lab.calibrate.awake import kept_awake
from lab.calibrate.generators import Generators
from lab.calibrate.known_servers import Place, nginx
from lab.calibrate.result import Calibration, Finding
from lab.config.project import Project
from lab.errors import Exit, LabError
from lab.host import machine
from lab.load.client import Driver
from lab.paths import RESULTS, ROOT, STATE
from lab.run import store
from lab.run.console import console as plain_console
from lab.run.progress import Reporter
from lab.signals import interruptible

PACKAGES = ("locust", "gevent", "httptools", "uvicorn", "uvloop", "numpy", "hdrhistogram")
PROFILES = ("quick", "standard")
WIDTH = 160
"""Characters of a line if the output is not a terminal, so that a row stays one line in a file."""
MARKS = {True: Text("met", "green"), False: Text("missed", "red"), None: Text()}


def calibrate() -> Exit:
    """Measure this machine and its generator; a missed goal is shown and is no error.

    Each part is on disk as soon as it is known, so an interrupted calibration is a partial one.

    Raises:
        LabError: a server did not start or did not answer.
    """
    cpus = Project.here().cpus
    written: tuple[Calibration, Path] | None = None
    try:
        with Reporter() as say, store.only_one(STATE), interruptible(), _workshop(cpus) as (place, generators):
            for calibration in measure(place, generators, cpus, say):
                written = calibration, result.write(RESULTS, calibration)
    except (KeyboardInterrupt, LabError) as error:
        if not written:
            raise
        print(f"lab: {str(error) or 'Interrupted.'} The measured parts are kept.", file=sys.stderr)  # noqa: T201  # no reporter is left
    assert written  # noqa: S101  # a calibration has parts
    calibration, path = written
    print_findings(calibration.findings)
    lacks = f"; not measured: {', '.join(calibration.missing)}." if calibration.missing else ""
    print(f"{'Partial calibration' if lacks else 'Calibration'}: {path.relative_to(ROOT)}{lacks}")  # noqa: T201
    return Exit.NOT_ALL_MEASURED if lacks else Exit.DONE


def print_findings(findings: Iterable[Finding], console: Console | None = None) -> None:
    """Print one row for each figure on standard output."""
    table = Table(title="Calibration of this machine", title_justify="left", box=None, pad_edge=False)
    for heading in ("part", "figure", "value", "goal", ""):
        table.add_column(heading)
    for one in findings:
        table.add_row(*map(Text, (one.part, one.figure, one.value, one.goal)), MARKS[one.met])
    (console or plain_console(width=None if sys.stdout.isatty() else WIDTH)).print(table)


@contextmanager
def _workshop(cpus: machine.CpuPlan) -> Iterator[tuple[Place, Generators]]:
    """Yield a place for servers, and the generators; after a failure their folder is kept for its logs."""
    folder = STATE / "logs" / "calibrate"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with Driver(cpus=cpus.others, log=folder / "driver.log") as driver:
        yield Place(folder, cpus.server), Generators(driver, cpus.others)
    shutil.rmtree(folder)


def measure(place: Place, generators: Generators, cpus: machine.CpuPlan, say: Reporter) -> Iterator[Calibration]:
    """Yield the calibration after each part; the whole takes about twelve minutes."""
    began_s = time.monotonic()
    calibration = Calibration(
        started_at=datetime.now(UTC), took_s=0, machine=machine.facts(), cpus=cpus, versions=_versions()
    )
    absent = " and ".join(sorted({"nginx", "wrk"} - calibration.versions.keys()))
    lacks = f" Left out, since not installed: {absent}." if absent else ""
    say.step(f"CPUs: server {cpus.server}, generators {cpus.others}. About twelve minutes.{lacks}")
    parts = _parts(place, generators)
    for number, (name, fields) in enumerate(parts.items(), start=1):
        say.step(name)
        calibration = calibration.model_copy(update=fields(calibration))
        told = {"took_s": time.monotonic() - began_s, "findings": tuple(findings(calibration))}
        calibration = calibration.model_copy(update=told | {"missing": tuple(parts)[number:]})
        yield calibration


def _parts(place: Place, generators: Generators) -> dict[str, Callable[[Calibration], dict[str, Any]]]:
    """Return name -> what measures that part; it gets the calibration so far and returns the fields to change."""

    def truth(test: truths.Test, seen: Calibration) -> dict[str, Any]:
        with kept_awake(generators.cpus):
            return {"truth": (*seen.truth, truths.measure(place, generators, test))}

    def noise(profile: str, seen: Calibration) -> dict[str, Any]:
        return {"noise": (*seen.noise, *noise_floor.measure(place, generators, profile))}

    def cpu_time(_: Calibration) -> dict[str, Any]:
        contained = self_check.burn(place, generators, contained=True)
        return {"cpu": self_check.burn(place, generators), "cpu_contained": contained}

    return {
        "generators": lambda _: {"throughput": rates.measure(place, generators)},
        **{f"truth ({test.mode}, {test.load})": partial(truth, test) for test in truths.TESTS},
        "CPU time": cpu_time,
        "memory": lambda _: {"memory": (self_check.record("closed"), self_check.record("open"))},
        **{f"noise ({profile})": partial(noise, profile) for profile in PROFILES},
    }


def findings(seen: Calibration) -> list[Finding]:
    """Return the figures of all parts with their goals."""
    return [
        *(rates.findings(seen.throughput) if seen.throughput else ()),
        *truths.findings(seen.truth),
        *self_check.cpu_findings(seen.cpu, seen.cpu_contained),
        *noise_floor.findings(seen.noise),
        *self_check.memory_findings(seen.memory),
    ]


def _versions() -> dict[str, str]:
    programs = {"wrk": shutil.which("wrk"), "nginx": nginx()}
    known = {package: version(package) for package in PACKAGES}
    return known | {name: _version(program) for name, program in programs.items() if program}


def _version(program: str) -> str:
    """Return the version in a program's first line; these two exit with a failure or print to standard error."""
    done = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
    line = (done.stdout + done.stderr).splitlines()[0]
    number = re.search(r"\d+\.\d+\S*", line)
    return number[0] if number else line
