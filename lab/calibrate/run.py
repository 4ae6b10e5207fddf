"""`calibrate`: measures all parts one after the other, writes them down, prints the table."""

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from lab import machine, store
from lab.calibrate import costs, kept, noise, rates, truths
from lab.calibrate.awake import kept_awake
from lab.calibrate.generators import Generators, wrk_here
from lab.calibrate.result import Calibration, Finding
from lab.calibrate.servers import Place, nginx, nginx_here
from lab.calibrate.table import print_findings
from lab.drive import Driver
from lab.errors import Exit
from lab.house import House
from lab.interrupt import interruptible
from lab.progress import Reporter
from lab.project import RESULTS, ROOT, STATE

PACKAGES = ("locust", "gevent", "httptools", "uvicorn", "uvloop", "numpy", "hdrhistogram")
PROFILES = ("quick", "standard")


def calibrate() -> Exit:
    """Measures this machine and generator; missed goals are shown and are no error.

    Raises:
        LabError: a server did not start or did not answer.
    """
    cpus = House.here().cpus
    with Reporter() as say, store.only_one(STATE), interruptible(), _workshop(cpus) as (place, generators):
        calibration = measure(place, generators, cpus, say)
    path = kept.write(RESULTS, calibration)
    print_findings(calibration.findings)
    print(f"Calibration: {path.relative_to(ROOT)}")  # noqa: T201  # the answer
    return Exit.DONE


@contextmanager
def _workshop(cpus: machine.CpuPlan) -> Iterator[tuple[Place, Generators]]:
    """A folder for servers to write to, and the driver."""
    with tempfile.TemporaryDirectory(prefix="lab-calibrate-") as name:
        folder = Path(name)
        with Driver(cpus=cpus.others, log=folder / "driver.log") as driver:
            yield Place(folder, cpus.server), Generators(driver, cpus.others)


def measure(place: Place, generators: Generators, cpus: machine.CpuPlan, say: Reporter) -> Calibration:
    """All parts, about eight minutes."""
    started_at, began_s, facts = datetime.now(UTC), time.monotonic(), machine.facts()
    say.step(f"CPUs: server {cpus.server}, generators {cpus.others}. About eight minutes.")
    say.step("Generators: lean user, FastHttpUser" + (", wrk" if wrk_here() else " (wrk is not installed)"))
    throughput = rates.measure(place, generators)
    tests = []
    with kept_awake(generators.cpus):
        for test in truths.TESTS:
            say.step(f"Truth: {test.mode}, {test.load}")
            tests.append(truths.measure(place, generators, test))
    say.step("CPU time and memory")
    cpu, cpu_contained = costs.burn(place, generators), costs.burn(place, generators, contained=True)
    memory = (costs.record("closed"), costs.record("open"))
    floors = []
    for profile in PROFILES:
        say.step(f"Noise: {profile}")
        floors.append(noise.measure(place, generators, profile))
    calibration = Calibration(
        started_at=started_at,
        took_s=time.monotonic() - began_s,
        machine=facts,
        cpus=cpus,
        versions=_versions(),
        throughput=throughput,
        truth=tuple(tests),
        cpu=cpu,
        cpu_contained=cpu_contained,
        noise=tuple(floors),
        memory=memory,
    )
    return calibration.model_copy(update={"findings": tuple(findings(calibration))})


def findings(seen: Calibration) -> list[Finding]:
    """The figures of all parts with their goals."""
    return [
        *rates.findings(seen.throughput),
        *truths.findings(seen.truth),
        *costs.cpu_findings(seen.cpu, seen.cpu_contained),
        *noise.findings(seen.noise),
        *costs.memory_findings(seen.memory),
    ]


def _versions() -> dict[str, str]:
    found = {package: version(package) for package in PACKAGES}
    if wrk_here():
        found["wrk"] = _says("wrk", "-v")
    if nginx_here():
        found["nginx"] = _says(nginx(), "-v")
    return found


def _says(*command: str) -> str:
    """The version in a program's first line; these two answer with a failure or on standard error."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    line = (done.stdout + done.stderr).splitlines()[0]
    number = re.search(r"\d+\.\d+\S*", line)
    return number[0] if number else line
