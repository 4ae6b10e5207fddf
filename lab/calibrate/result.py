"""The nouns of a calibration, as they stand in results/calibration/<UTC time>.json."""

from datetime import datetime
from typing import Any, Literal

from pydantic import AliasChoices, Field

from lab.host.machine import CpuPlan
from lab.model.cell import Value
from lab.model.noun import Noun
from lab.model.workload import Load

Generator = Literal["fast user", "FastHttpUser", "wrk"]
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
    """None: without a goal."""


class Window(Noun):
    """What one generator did to one server in one round."""

    server: ServerName
    generator: Generator
    round: int
    rps: float
    requests_per_cpu_s: float
    """Per second of the generator's CPU time, user and system."""
    errors: int


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
    """Open load: how late the driver says it sent; empty in closed load."""
    errors: dict[str, int]
    generator_waited_ms: float
    """How long the driver waited for its CPU while something else had it."""
    generator_stolen_ms: float = 0.0
    """How long the hypervisor kept that CPU, in steps of 10 ms."""
    latency: str
    """The driver's histogram (base64)."""
    stock_requests: int | None = None
    stock_ms: Percentiles | None = None
    """What Locust's own statistics of FastHttpUser say."""
    stock_truth_ms: Percentiles | None = None
    """The server's log of the same time."""
    rejected: tuple["TruthTest", ...] = Field(default=(), validation_alias=AliasChoices("rejected", "spoilt"))
    """Attempts in which the driver waited so long that the p99.9 was the machine's."""

    @property
    def lost_ms(self) -> float:
        """For how long of the window the driver could not run."""
        return self.generator_waited_ms + self.generator_stolen_ms


class CpuTruth(Noun):
    """Part (c)."""

    requests: int
    burnt_us_per_request: float
    """By the server's own thread clock."""
    read_us_per_request: float
    """By lab.watch, over the responses that the driver counted."""


class NoiseTrial(Noun):
    """One window on one of two identical servers."""

    block: int
    arm: Literal["a", "b"]
    rps: float
    cpu_us_per_request: float


class NoiseFloor(Noun):
    """Part (d): what a profile's windows see between two identical servers; shares of 1, metric by metric."""

    profile: str
    trials: tuple[NoiseTrial, ...]
    ratio: dict[str, Value]
    spread: dict[str, float]
    """Standard deviation of one trial's log."""
    mde: dict[str, float]
    """Smallest relative difference seen with 80 % power."""
    verdict: dict[str, str]


class Memory(Noun):
    """Part (e): what recording so many requests added to the process, and its peak while the figures were worked out."""

    load: Literal["closed", "open"]
    requests: int
    added_bytes: int
    peak_added_bytes: int


class Calibration(Noun):
    """One calibration, as far as it was measured."""

    version: Literal[1, 2] = 2
    """Since version 2 each part is written as soon as it is known, and what is not there is `missing`."""
    started_at: datetime
    took_s: float
    machine: dict[str, Any]
    cpus: CpuPlan
    versions: dict[str, str]
    throughput: Throughput | None = None
    truth: tuple[TruthTest, ...] = ()
    cpu: CpuTruth | None = None
    """Read as the process runtime does, from the process's clock."""
    cpu_contained: CpuTruth | None = None
    """Read as of a container, from a control group; None where no group could be made."""
    noise: tuple[NoiseFloor, ...] = ()
    memory: tuple[Memory, ...] = ()
    findings: tuple[Finding, ...] = ()
    missing: tuple[str, ...] = ()
    """Parts that were not measured, because it was interrupted or failed."""
