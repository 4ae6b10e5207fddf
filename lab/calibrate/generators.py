"""Run the three generators, one window at a time, on the CPUs that are not the server's."""

import re
import resource
import subprocess
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from lab.calibrate.known_servers import Running
from lab.calibrate.result import Generator, Rate
from lab.config import scenarios
from lab.errors import LabError
from lab.host import readings
from lab.host.machine import running_on
from lab.load.client import Driver
from lab.load.protocol import Failed, Order, StockOrder, StockSays
from lab.model.loads import Load
from lab.model.outcome import Driven
from lab.model.stack import Target
from lab.model.workload import Scenario
from lab.paths import LOADTESTS, ROOT

TIMEOUT_S = 10.0
SEED = 1
STOCK_START_S = 30.0
"""Locust itself needs a second or two to start."""
NUMBERED = Scenario(
    id="numbered",
    workload="numbered",
    file=str(LOADTESTS / "calibration" / "numbered.py"),
    user="Numbered",
    path="/",
)
_WRK_COUNT = re.compile(r"(?P<requests>\d+) requests in (?P<seconds>[\d.]+)(?P<unit>ms|s)")
_WRK_BAD = re.compile(r"Non-2xx or 3xx responses: (\d+)")


@dataclass(frozen=True)
class Reading:
    """A window of the driver: its answer, and the counters of a target at both edges."""

    driven: Driven
    before: readings.Reading
    after: readings.Reading
    generator_waited_s: float
    """Seconds of the window in which the driver could have run while its CPU did something else."""
    generator_stolen_s: float
    """Seconds of the window that the hypervisor took from the generator's CPU that lost most (steps of 10 ms)."""

    def cpu_s(self) -> float:
        """Return the CPU seconds of the target in the window.

        Raises:
            LabError: the kernel gives none.
        """
        used = readings.usage(self.before, self.after, self.driven.window_s, None).cpu_s
        if used is None:
            raise LabError("The CPU time of a calibration's server could not be read: calibrate on another kernel.")
        return used


@dataclass
class Generators:
    """The generators that the parts of a calibration use."""

    driver: Driver
    cpus: Collection[int]

    def greeting(self) -> Scenario:
        """Return the scenario that a bare server answers."""
        return scenarios.find(LOADTESTS, ["json"])[0]

    def drive(
        self, server: Running, scenario: Scenario, load: str, warmup_s: float, window_s: float, target: Target
    ) -> Reading:
        """Run one window of the lab's own driver; watch `target` as a session watches servers.

        Raises:
            LabError: the server did not answer as it should.
        """
        order = Order(
            scenario=scenario,
            port=server.port,
            load=Load.model_validate(load),
            warmup_s=warmup_s,
            window_s=window_s,
            timeout_s=TIMEOUT_S,
            seed=SEED,
        )
        edges: list[readings.Reading] = []
        lost_s: list[tuple[float, float]] = []

        def read_at(*moments_s: float) -> None:
            for moment_s in moments_s:
                time.sleep(max(0.0, moment_s - time.monotonic()))
                stolen_s = max(core.stolen_s for core in readings.cores(self.cpus).values())
                lost_s.append((_waited_s(self.driver.pid), stolen_s))
                edges.append(readings.read(target))

        driven = self.driver.run(order, read_at)
        if isinstance(driven, Failed):
            raise LabError(driven.reason)
        before, after = edges
        waited_s, stolen_s = (end_s - start_s for start_s, end_s in zip(*lost_s, strict=True))
        return Reading(driven, before, after, waited_s, stolen_s)

    def stock(self, order: StockOrder) -> StockSays:
        """Run Locust as it comes, in a process of its own.

        Raises:
            LabError: it ended with an error.
        """
        with running_on(self.cpus):
            done = subprocess.run(
                [sys.executable, "-m", "lab.load.driver.stock"],
                cwd=ROOT,
                input=order.model_dump_json() + "\n",
                capture_output=True,
                text=True,
                timeout=order.warmup_s + order.window_s + STOCK_START_S,
                check=False,
            )
        if done.returncode:
            raise LabError(f"Locust's stock user ended with an error: {done.stderr.strip()[-300:]}")
        return StockSays.model_validate_json(done.stdout.splitlines()[-1])

    def rate(self, generator: Generator, server: Running, users: int, warmup_s: float, window_s: float) -> Rate:
        """Run one window of closed load by the generator of that name."""
        url = f"{server.url}{self.greeting().path}"
        match generator:
            case "fast user":
                mine = Target(pid=self.driver.pid, contained=False)
                seen = self.drive(server, self.greeting(), f"closed:{users}", warmup_s, window_s, mine)
                requests, cpu_s, errors = seen.driven.completed, seen.cpu_s(), sum(seen.driven.errors.values())
                rps = requests / window_s
            case "FastHttpUser":
                says = self.stock(StockOrder(url=url, users=users, warmup_s=warmup_s, window_s=window_s))
                requests, rps, cpu_s, errors = says.requests, says.rps, says.cpu_s, says.failures
            case "wrk":
                requests, rps, errors, cpu_s = self._wrk(url, users, window_s)
        return Rate(rps=rps, requests_per_cpu_s=requests / cpu_s, errors=errors)

    def _wrk(self, url: str, users: int, window_s: float) -> tuple[int, float, int, float]:
        """Return what `read_wrk` does, and the CPU seconds of wrk."""
        before_s = _children_cpu_s()
        with running_on(self.cpus):
            words = ["wrk", "-t1", f"-c{users}", f"-d{ceil(window_s)}s", url]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
        return *read_wrk(done.stdout), _children_cpu_s() - before_s


def read_wrk(text: str) -> tuple[int, float, int]:
    """Return requests, requests per second and unsuccessful answers from the output of wrk.

    Raises:
        LabError: the output is not that of wrk.
    """
    count = _WRK_COUNT.search(text)
    if count is None:
        raise LabError(f"The output of wrk has no number of requests; is it wrk 4? {text.strip()[-200:]}")
    requests = int(count["requests"])
    seconds = float(count["seconds"]) / (1000 if count["unit"] == "ms" else 1)
    bad = _WRK_BAD.search(text)
    return requests, requests / seconds, int(bad[1]) if bad else 0


def _waited_s(pid: int) -> float:
    """Return the seconds that a process's main thread has waited for a CPU (schedstat, "run-delay")."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # only those that have ended: nothing else ends meanwhile
    return used.ru_utime + used.ru_stime
