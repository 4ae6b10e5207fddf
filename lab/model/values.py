"""The nouns of the lab; they flow one way: Stack, Scenario, Profile -> Trial -> Outcome -> Summary -> Report.

Units are in the names. None stands for what was not measured, never 0. A Failure has no place for numbers.
This module imports nothing else of the lab but, late, what decodes a histogram.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

OPTIMIZED, NOT_OPTIMIZED = "with --enable-optimizations", "without --enable-optimizations"
"""How a Python was built."""
AA = "@aa"
"""Suffix of the A/A arm: the reference stack a second time, under another label."""
AA_PORT_OFFSET = 100
"""The A/A arm listens this far above its stack."""

Model = Literal["sync", "threads", "greenlets", "async"]
Arrivals = Literal["poisson", "constant"]
Role = Literal["server", "generator", "database", "upstream"]


class Noun(BaseModel):
    """A frozen value; a field that is not known is an error, so that a typing mistake in a file is seen.

    Numbers are finite: NaN and infinities are refused where a value is made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy whose updated fields are validated, as pydantic's own are not.

        Raises:
            ValidationError: an updated field has a value that it must not have.
        """
        copy = super().model_copy(deep=deep)
        return self.model_validate({**dict(copy), **update}) if update else copy


def _decodable(text: str) -> str:
    from lab.model.histogram import Histogram  # late: HdrHistogram takes 0.1 s to import

    try:
        Histogram.decode(text)
    except Exception as error:  # the library raises what its C code and zlib raise
        raise ValueError(f"no histogram ({error!r})") from None
    return text


Encoded = Annotated[str, AfterValidator(_decodable)]
"""A histogram, as model/histogram.py encodes it."""
Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0)]
"""A measured number: never negative, never NaN. What was not measured is None instead."""


KnobValue = int | float | str | None
"""None: there is no such thing."""


class Knob(Noun):
    """One setting of a stack, and how it is known: read from the running server, measured on it, or only asked for."""

    value: KnobValue
    source: Literal["read", "measured", "configured"]


class Exempt(Noun):
    """What a stack has instead of its share of the equal budget, and why."""

    value: KnobValue
    why: str


class Stack(Noun):
    """Application + server + knobs: a service of docker-compose.yml with a `lab.framework` label."""

    name: str
    framework: str
    server: str
    model: Model
    port: int
    slots: int = 40
    """Requests at once at most where each needs a thread, from LAB_SLOTS."""
    workers: int = 1
    """Processes that serve: what the stack declares as an exception, or LAB_WORKERS."""
    upstream_port: int | None = None
    """Where it calls upstream, from LAB_UPSTREAM_URL."""
    omits: dict[str, str] = {}
    """Path (or prefix ending in /) of the HTTP contract -> why this stack cannot do it."""
    exceptions: dict[str, Exempt] = {}
    """Knob -> what this stack has of it instead of the equal budget, by its own declaration."""
    baseline: bool = False

    @property
    def keeps_none(self) -> bool:
        """Whether the stack declares that it ends each connection after one request."""
        return "keep_alive_s" in self.exceptions and self.exceptions["keep_alive_s"].value == 0

    def why_omitted(self, path: str) -> str | None:
        """Why this stack cannot do a path of the contract, by its own declaration; None if it can."""
        for omitted, why in self.omits.items():
            if path == omitted or (omitted.endswith("/") and path.startswith(omitted)):
                return why
        return None


def baseline(stacks: Sequence[Stack]) -> Stack:
    """Return the stack that the others are compared with: the one labelled so, else the first."""
    return next((stack for stack in stacks if stack.baseline), stacks[0])


class Scenario(Noun):
    """One path of the contract with its parameters: what a user class of a file in loadtests/ asks for.

    `id` reads `db/batched`, or `wait?ms=50` where a parameter differs from the class's default.
    """

    id: str
    workload: str
    file: str
    user: str
    path: str
    params: dict[str, int | str] = {}
    cpu_ms: int | None = Field(default=None, ge=1)
    """CPU time that the digest of a request is to take: the run's start turns it into `rounds` of `params`."""
    expected_errors: tuple[str, ...] = ()
    """Reasons of errors that are this scenario's result and not a failure of the stack: `status 502` of a full upstream."""


class Service(Noun):
    """A service of docker-compose.yml as both runtimes start it; variables are already replaced."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = {}
    working_dir: str | None = None
    cpuset: tuple[int, ...] = ()
    cpus: float | None = Field(default=None, gt=0)
    """CPUs' time that it may use at most, as a quota; None without one."""
    ulimits: dict[str, int] = {}
    stop_signal: str = "SIGTERM"
    stop_grace_period_s: float = 10
    labels: dict[str, str] = {}
    profiles: tuple[str, ...] = ()
    image: str | None = None
    lock: str | None = None
    """Lock file that its packages come from: that of the build argument LOCK, or what the label `lab.lock` names."""
    budget: dict[str, int] = {}
    """LAB_ variable -> what x-budget gives to every stack alike; its addresses are not in it."""
    not_applied: tuple[str, ...] = ()
    """Keys of the file that the process runtime leaves out for this service."""

    @property
    def port(self) -> int | None:
        """The port it answers on, from the label `lab.port`."""
        return int(self.labels["lab.port"]) if "lab.port" in self.labels else None


class Arm(Noun):
    """One server to start: a service under a label, on a port, with variables of its own."""

    label: str
    service: str
    port: int
    variables: dict[str, str] = {}


class Target(Noun):
    """What there is to watch: a process with its descendants, or (contained) the control group the process is in."""

    pid: int
    contained: bool


class Load(Noun):
    """`closed:<users>` (no think time) or `open:<requests per second>` (Poisson arrivals)."""

    kind: Literal["closed", "open"]
    amount: int = Field(gt=0, le=100_000)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if isinstance(value, str) and value.count(":") == 1:
            kind, amount = value.split(":")
            return {"kind": kind, "amount": amount}
        return value

    def __str__(self) -> str:
        return f"{self.kind}:{self.amount}"


class Profile(Noun):
    """What a run does: read from loadtests/profiles.toml."""

    name: str
    about: str
    stacks: tuple[str, ...]
    scenarios: tuple[str, ...]
    loads: tuple[Load, ...]
    blocks: int = Field(ge=1, le=100)
    warmup_s: float = Field(ge=0)
    window_s: float = Field(gt=0)
    timeout_s: float = Field(gt=0)
    """How long one request may take; also the limit of the drain after the window."""
    arrivals: Arrivals = "poisson"
    """Open load: the gaps between requests."""
    aa_scenarios: tuple[str, ...] = ()
    """Scenarios that the A/A arm runs too."""
    reruns: int = Field(default=2, ge=0, le=5)
    """How often a noisy block is run again at most."""
    precision: float | None = Field(default=None, gt=0, lt=1)
    """Go on beyond `blocks` until every headline ratio's interval is within this share of it (0.05: 5 %) …"""
    most_blocks: int | None = Field(default=None, ge=1, le=100)
    """… or until so many blocks are done."""
    limit_min: float | None = Field(default=None, gt=0)
    """Minutes of measuring after which no block more than `blocks` is begun, and none is run again."""

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if (self.precision is None) != (self.most_blocks is None):
            raise ValueError("precision and most_blocks go together")
        if self.most_blocks is not None and self.most_blocks < self.blocks:
            raise ValueError("most_blocks is less than blocks")
        return self


class Trial(Noun):
    """One load of one stack with one scenario in one block: what the driver is asked to do."""

    block: int
    attempt: int = 0
    stack: str
    """Label of the arm: a stack's name, with @aa behind it for the A/A arm."""
    scenario: str
    load: Load
    arrivals: Arrivals = "poisson"
    warmup_s: float
    window_s: float
    timeout_s: float
    seed: int
    """Equal for all stacks of a block, so that all get the same schedule and the same ids."""


class Usage(Noun):
    """What one role used during the window; `memory_bytes` is PSS or the cgroup's memory at the window's end."""

    cpu_s: Amount | None = None
    memory_bytes: Count | None = None
    threads: Count | None = None
    context_switches: Count | None = None
    connections: Count | None = None
    """Database only: the most connections that were executing something at any of a few moments of the window."""


class Driven(Noun):
    """What the driver saw of one trial.

    `requests` started inside the window (open load: were due inside it); each ended as correct, as an error, or was dropped or unfinished.
    In closed load what went wrong counts too where it began in the warm-up and reached into the window.
    `completed` counts correct responses that *ended* inside the window, so throughput is completed / window_s.
    Histograms are HdrHistogram (base64 of its compressed form), in microseconds, three significant digits, of the correct
    requests that started in the window.
    """

    window_s: Amount
    requests: Count
    completed: Count
    errors: dict[str, Count] = {}
    """Reason -> requests of the window that ended so; `unfinished` after the drain is in here too."""
    dropped: Count = 0
    """Open load: due in the window but never sent."""
    scheduled: Count | None = None
    """Open load: arrivals that the schedule has in the window, counted from it and not from what became of them."""
    latency: Encoded
    service: Encoded | None = None
    """Open load: time from the actual send; latency counts from the intended start."""
    lag: Encoded | None = None
    """Open load: how late the generator itself sent."""
    asides: dict[str, Encoded] = {}
    """Times beside the latency, by name (`first event` and `gap` of a stream): histograms of what started in the window."""
    completed_per_second: tuple[Count, ...] = ()
    completed_halves: tuple[Count, Count] | None = None
    """`completed` of the window's first half and of its second; None in runs of before this was counted."""
    in_flight_s: Amount
    """Sum of the request times, clipped to the window (accounting: about users x window in closed load)."""
    starved: Count = 0
    """Closed load: users whose one request lasted from before the window until after it."""
    all_served_s: Amount | None = None
    """Closed load: from the first request until each user had been answered once; None where some never were in the
    time that they are given, and in open load. The window begins after it."""
    connects: Count | None = None
    """Requests of the window, as counted in `requests`, for which a connection was opened; None in runs of results
    format 1, which counted those of the whole trial."""
    reconnects: Count | None = None
    """Those among them whose kept connection the server had closed."""
    checked: Count
    """Responses whose whole body was checked."""
    wrong_body: str | None = None
    """How the first wrong body of the load begins, in printable characters; None where none was wrong, and in older runs."""
    began_s: Amount
    """CLOCK_MONOTONIC at the first request of the warm-up."""
    window_start_s: Amount
    window_end_s: Amount
    drained_s: Amount
    """CLOCK_MONOTONIC when the last request had ended."""


class Sample(Noun):
    """A trial that was measured."""

    kind: Literal["sample"] = "sample"
    trial: Trial
    started_at: datetime
    driven: Driven
    usage: dict[Role, Usage]
    idle_cpu_s: Amount | None = None
    """CPU time of the other stacks' servers during the window; they should have slept."""
    server_cores_busy: Amount | None = None
    """Share (0 to 1) of the server's CPUs that was busy during the window, by all processes on them (/proc/stat)."""
    other_cores_busy: Amount | None = None
    """The same for the CPUs of generator, database and upstream: this is summary.csv's other_cpus_busy."""
    stolen: Amount | None = None
    """Share (0 to 1) of a CPU's time that the hypervisor kept (steal) during the window: of the CPU that lost most."""
    server_stolen: Amount | None = None
    """The same of the server's CPUs alone, their mean."""
    serving_replaced: Count | None = None
    """Serving processes that ended and were replaced inside the window: at least so many; None where this is not known."""
    server_throttled_s: Amount | None = None
    """Time in the window that a CPU quota of the server's own control group kept it from running; None where it has no
    group of its own. Summed over CPUs, as the kernel counts it: it may exceed the window."""
    lab_throttled_s: Amount | None = None
    """Time in the window that a CPU quota kept the lab itself, or what holds it, from running."""
    idle_memory_bytes: Count | None = None
    """Memory of the server right after readiness; usage's memory_bytes depends on what ran before."""
    overhead_s: Amount
    """Wall time of the trial that was neither warm-up nor window."""


class Failure(Noun):
    """A trial that gave no numbers, and why."""

    kind: Literal["failure"] = "failure"
    trial: Trial
    started_at: datetime
    reason: str
    """A short sentence: what happened."""
    log_tail: tuple[str, ...] = ()
    """Last lines of the server's log."""
    lab_fault: bool = False
    """The lab broke (driver, database, upstream), not the stack: the trial is invalid, and is run again."""
    off_contract: bool = False
    """The stack answers this path otherwise than it must, by the contract check or the first request, so it was not loaded there."""


class Block(Noun):
    """How one attempt at a block went, beside its outcomes."""

    block: Count
    attempt: Count
    started_at: datetime
    overhead_s: Amount
    """Wall time that was not spent in trials: starting and stopping the servers."""
    canary_before_s: Amount
    canary_after_s: Amount
    pressure_s: dict[str, Amount] = {}
    """Time during the block in which some task waited for cpu, io or memory."""
    throttled_s: Amount | None = None
    """Time during the block in which a quota kept the lab, or what holds it, from running."""
    frequency_mhz: Amount | None = None
    cold_start_s: dict[str, Amount] = {}
    """Label -> seconds from the order to start this arm to its first healthy answer (older runs: to start all arms)."""
    start_cpu_s: dict[str, Amount] = {}
    """Label -> CPU time that a server had used when it was healthy (older runs: when all were): what its start costs."""
    noise: str = ""
    """Why the block was or should have been run again; empty where nothing was wrong."""


Outcome = Annotated[Sample | Failure, Field(discriminator="kind")]
OUTCOME: TypeAdapter[Sample | Failure] = TypeAdapter(Outcome)


class Value(Noun):
    """An estimate with its 95 % interval over blocks; the interval is None with fewer than two blocks."""

    mean: Amount
    lo: Amount | None = None
    hi: Amount | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.lo is not None and self.hi is not None and not self.lo <= self.mean <= self.hi:
            raise ValueError("an interval holds its estimate")
        return self


class Cell(Noun):
    """One row of summary.csv: stack x scenario x load over all blocks."""

    stack: str
    scenario: str
    load: str
    blocks: Count
    """Valid blocks."""
    outcome: Literal["valid", "failed", "invalid"]
    reason: str = ""
    rps: Value | None = None
    mean_ms: Amount | None = None
    """Mean latency; this and the percentiles are geometric means over blocks of each block's own."""
    p50_ms: Amount | None = None
    p95_ms: Amount | None = None
    p99_ms: Amount | None = None
    error_rate: Amount | None = None
    """Share of the requests that erred unexpectedly, were dropped or stayed unfinished."""
    expected_error_rate: Amount | None = None
    """Share that ended in an error that the scenario declares: None where it declares none."""
    cpu_us_per_request: Value | None = None
    memory_mb: Amount | None = None
    connects_per_request: Amount | None = None
    reconnects_per_request: Amount | None = None
    """Kept connections that the server had closed, per request: what is lost where keep-alive does not hold."""
    service_p99_ms: Amount | None = None
    """Open load: from the actual send; the latency counts from the intended one."""
    lag_p99_ms: Amount | None = None
    """Open load: how late the generator sent."""
    other_cpus_busy: Amount | None = None
    """Share (0 to 1) of all CPUs outside the server's that was busy in the window: generator, database, upstream, others."""
    bound_by: str = ""
    first_event_p50_ms: Amount | None = None
    """Streams: from the request to the first event."""
    first_event_p99_ms: Amount | None = None
    event_gap_p50_ms: Amount | None = None
    """Streams: from an event to the next."""
    event_gap_p99_ms: Amount | None = None
    streams_held: Amount | None = None
    """Streams that were open at once: mean over the window, from how long each was."""
    all_served_s: Amount | None = None
    """Closed load: until each user had been answered once, median over blocks; None where in one some were not."""
    notes: tuple[str, ...] = ()
    """What a reader must know beside the outcome, one sentence each, with the amount and in how many of the blocks."""
