"""The values of a calibration, their file results/calibration/<UTC time>.json, and whether this machine has one."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field

from lab.host.machine import CpuPlan
from lab.model.cell import Value
from lab.model.loads import Load
from lab.model.noun import Noun

FOLDER = "calibration"
IDENTITY = ("cpu", "cpus")
"""Facts that identify a machine."""
_OLDER_NAMES = {"lean user": "fast user"}
Generator = Annotated[
    Literal["fast user", "FastHttpUser", "wrk"], BeforeValidator(lambda name: _OLDER_NAMES.get(name, name))
]
ServerName = Literal["uvicorn", "nginx"]
Percentiles = dict[str, float]
"""`p50`, `p90`, `p99`, `p99.9` -> milliseconds."""


class Finding(Noun):
    """One figure with its goal, as the table prints it."""

    part: str
    figure: str
    value: str
    goal: str = ""
    met: bool | None = None
    """None without a goal."""


class Rate(Noun):
    """Requests answered correctly in a window, and what they cost the generator."""

    rps: float
    requests_per_cpu_s: float
    """Per second of the generator's CPU time, user and system."""
    errors: int


class Window(Rate):
    """One window of one generator on one server, in one round."""

    server: ServerName
    generator: Generator
    round: int


class Ratio(Noun):
    """The fast user over another generator: geometric mean of the ratios inside the rounds, 95 % t-interval."""

    server: ServerName
    to: Generator
    metric: Literal["rps", "requests_per_cpu_s"]
    value: Value
    rounds: int


class Throughput(Noun):
    """Part (a)."""

    windows: tuple[Window, ...]
    ratios: tuple[Ratio, ...]


class TruthTest(Noun):
    """Part (b): one server of known delays under one load."""

    mode: str
    load: Load
    requests: int
    truth_ms: Percentiles
    reported_ms: Percentiles
    lag_ms: Percentiles
    """Open load: how late the driver sent, by its own account; empty in closed load."""
    errors: dict[str, int]
    generator_waited_ms: float
    """Time for which the driver waited for its CPU while something else had it."""
    generator_stolen_ms: float = 0.0
    """Time for which the hypervisor took that CPU, in steps of 10 ms."""
    latency: str
    """The driver's histogram (base64)."""
    stock_requests: int | None = None
    stock_ms: Percentiles | None = None
    """Locust's own statistics of FastHttpUser."""
    stock_truth_ms: Percentiles | None = None
    """The server's log of the same time."""
    rejected: tuple["TruthTest", ...] = Field(default=(), validation_alias=AliasChoices("rejected", "spoilt"))
    """Attempts in which the driver waited so long that the machine decided the p99.9."""

    @property
    def lost_ms(self) -> float:
        """Return for how many ms of the window the driver could not run."""
        return self.generator_waited_ms + self.generator_stolen_ms


class CpuTruth(Noun):
    """Part (c)."""

    requests: int
    burnt_us_per_request: float
    """By the server's own thread clock."""
    read_us_per_request: float
    """By `lab.host.readings`, over the responses that the driver counted."""


class NoiseTrial(Noun):
    """One window on one of several identical servers."""

    block: int
    arm: str
    rps: float
    cpu_us_per_request: float


class NoiseFloor(Noun):
    """Part (d): the differences between identical servers in one design; shares of 1, by metric."""

    profile: str
    design: Literal["profile", "plain"]
    """Of the profile, or what it is compared with."""
    took_s: float
    """For all blocks, starts included."""
    trials: tuple[NoiseTrial, ...]
    spread: dict[str, float]
    """Standard deviation of one trial's log, without what all servers of a block share."""
    mde: dict[str, float]
    """Relative difference from the first server that the noise alone lets be seen with 80 % power; root mean square over the others."""
    ratio: dict[str, Value] = Field(default_factory=dict)
    """Of the A/A server to the first one; only where the design has one."""
    different: dict[str, tuple[str, ...]]
    """Servers that were called different from the first one: none should be."""


class Memory(Noun):
    """Part (e): bytes that recording added to the process, and their peak while the figures were computed."""

    load: Literal["closed", "open"]
    requests: int
    added_bytes: int
    peak_added_bytes: int


class Calibration(Noun):
    """One calibration, as far as it was measured."""

    version: Literal[3] = 3
    """Since version 3 the noise is measured in two designs."""
    started_at: datetime
    took_s: float
    machine: dict[str, Any]
    cpus: CpuPlan
    versions: dict[str, str]
    throughput: Throughput | None = None
    truth: tuple[TruthTest, ...] = ()
    cpu: CpuTruth | None = None
    """Read from the process's clock, as in the process runtime."""
    cpu_contained: CpuTruth | None = None
    """Read from a control group, as of a container; None where no group could be made."""
    noise: tuple[NoiseFloor, ...] = ()
    memory: tuple[Memory, ...] = ()
    findings: tuple[Finding, ...] = ()
    missing: tuple[str, ...] = ()
    """Parts that were not measured, because the calibration was interrupted or failed."""


def write(results: Path, calibration: Calibration) -> Path:
    """Write results/calibration/<UTC time>.json and return its path."""
    written = results / FOLDER / f"{calibration.started_at:%Y%m%dT%H%M%SZ}.json"
    written.parent.mkdir(parents=True, exist_ok=True)
    unfinished = written.with_suffix(".partial")
    unfinished.write_text(calibration.model_dump_json(indent=1) + "\n")
    return unfinished.replace(written)


def warning(results: Path, machine: dict[str, Any]) -> str | None:
    """Return the warning of a run on a machine without a whole calibration; None with one."""
    if any(_calibrates(path, machine) for path in (results / FOLDER).glob("*.json")):
        return None
    return (
        "This machine has no whole calibration, so the limits of its generator and its noise are not known: "
        "run `make calibrate` (about twelve minutes)."
    )


def _calibrates(path: Path, machine: dict[str, Any]) -> bool:
    """Return whether a file is a whole calibration of a machine like this one; a damaged file is none."""
    try:
        found = json.loads(path.read_text())
        return not found.get("missing") and all(found["machine"].get(fact) == machine.get(fact) for fact in IDENTITY)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
