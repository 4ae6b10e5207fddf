"""The outcome of a trial, a sample or a failure (which has no place for numbers), and the record of its block."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, Field, TypeAdapter

from lab.model.noun import Amount, Count, Noun
from lab.model.workload import Trial

Role = Literal["server", "generator", "database", "upstream"]


def _decodable(text: str) -> str:
    from lab.model.histogram import Histogram  # late: HdrHistogram takes 0.1 s to import

    try:
        Histogram.decode(text)
    except Exception as error:  # the library raises what its C code and zlib raise
        raise ValueError(f"no histogram ({error!r})") from None
    return text


Encoded = Annotated[str, AfterValidator(_decodable)]
"""A histogram, as model/histogram.py encodes it."""


class Worker(Noun):
    """One of several workers of a server during the window; `memory_bytes` is its PSS."""

    completed: Count
    cpu_s: Amount | None = None
    memory_bytes: Count | None = None


class Usage(Noun):
    """Resources that one role used during the window; `memory_bytes` is PSS or the cgroup's memory at the window's end."""

    cpu_s: Amount | None = None
    memory_bytes: Count | None = None
    threads: Count | None = None
    context_switches: Count | None = None
    connections: Count | None = None
    """Database only: the most connections that were executing a statement at any of a few moments of the window."""
    workers: tuple[Worker, ...] = ()
    """Server of several workers only: those that answered, the one first that answered most; empty where that is not known."""


class Driven(Noun):
    """The driver's record of one trial.

    `requests` started inside the window (open load: were due inside it). Each ended as correct or as an error, or was dropped or
    unfinished. In closed load a request that failed counts too if it began in the warm-up and reached into the window.
    `completed` counts correct responses that *ended* inside the window, so throughput is completed / window_s.
    Histograms are HdrHistogram (base64 of its compressed form), in microseconds, three significant digits, of the correct
    requests that started in the window.
    """

    window_s: Amount
    requests: Count
    completed: Count
    errors: dict[str, Count] = Field(default_factory=dict)
    """Reason -> requests of the window that ended with it, `unfinished` after the drain included."""
    dropped: Count = 0
    """Open load: due in the window but never sent."""
    scheduled: Count | None = None
    """Open load: arrivals that the schedule has in the window, whatever became of them."""
    latency: Encoded
    service: Encoded | None = None
    """Open load: time from the actual send; latency counts from the intended start."""
    lag: Encoded | None = None
    """Open load: how late the generator itself sent."""
    secondary_timings: dict[str, Encoded] = Field(
        default_factory=dict, validation_alias=AliasChoices("secondary_timings", "asides")
    )
    """Times beside the latency, by name (`first event` and `gap` of a stream): histograms of those that started in the window."""
    completed_per_second: tuple[Count, ...] = ()
    completed_halves: tuple[Count, Count] | None = None
    """`completed` of the window's first half and of its second; None in older runs, which did not count them."""
    in_flight_s: Amount
    """Sum of the request times, clipped to the window (accounting: with `thinking_s` about users x window in closed load)."""
    thinking_s: Amount = 0
    """Closed load: sum of the think times, clipped to the window."""
    starved: Count = 0
    """Closed load: users whose one request lasted from before the window until after it."""
    all_served_s: Amount | None = None
    """Closed load: from the first request until each user had been answered once. The window begins after it. None if some
    users were not answered in their time, and in open load."""
    recovery_s: Amount | None = None
    """Burst: from the end of the step until the latency was back, in tenths of a second; None where it was not in the window."""
    connects: Count | None = None
    """Requests of the window, as counted in `requests`, for which a connection was opened; None in runs of results
    format 1, which counted those of the whole trial."""
    reconnects: Count | None = None
    """Those of them whose kept connection the server had closed."""
    by_port: dict[int, Count] = Field(default_factory=dict)
    """Port of the generator's kept connection -> `completed` on it; only where it was asked for."""
    checked: Count
    """Responses whose whole body was checked."""
    wrong_body: str | None = None
    """The beginning of the load's first wrong body, in printable characters; None without one, and in older runs."""
    began_s: Amount
    """CLOCK_MONOTONIC at the first request of the warm-up."""
    window_start_s: Amount
    window_end_s: Amount
    drained_s: Amount
    """CLOCK_MONOTONIC when the last request had ended."""
    portions: "tuple[Driven, ...]" = ()
    """Of a mixture: each of its scenarios by itself. The rest of the record is of those that are no probe."""


class Sample(Noun):
    """A trial that was measured."""

    kind: Literal["sample"] = "sample"
    trial: Trial
    started_at: datetime
    driven: Driven
    usage: dict[Role, Usage]
    is_portion: bool = False
    """Whether it is one scenario of a mixture: what roles used was for all of them."""
    offered_rps: Amount | None = None
    """Open load: requests per second that the schedule was drawn for (burst: the capacity); None in closed load, and in older runs."""
    idle_cpu_s: Amount | None = None
    """CPU time of the other stacks' servers during the window; they should be idle."""
    least_idle: str | None = None
    """Which of them took most of it; None in older runs."""
    server_cores_busy: Amount | None = None
    """Share (0 to 1) of the server's CPUs that was busy during the window, by all processes on them (/proc/stat)."""
    other_cores_busy: Amount | None = None
    """The same for the CPUs of generator, database and upstream: this is summary.csv's other_cpus_busy."""
    stolen: Amount | None = None
    """Share (0 to 1) of a CPU's time that the hypervisor kept (steal) during the window: of the CPU that lost most."""
    server_stolen: Amount | None = None
    """The same of the server's CPUs alone, their mean."""
    serving_replaced: Count | None = None
    """Serving processes that ended and were replaced inside the window, the least number; None if it is not known."""
    server_throttled_s: Amount | None = None
    """Time in the window for which a CPU quota of its own control group stopped the server; None without a group of its own.
    The kernel sums it over CPUs, so it may exceed the window."""
    lab_throttled_s: Amount | None = None
    """Time in the window for which a CPU quota stopped the lab's own control group, or one above it."""
    idle_memory_bytes: Count | None = None
    """Memory of the server right after readiness; usage's memory_bytes depends on the trials before."""
    overhead_s: Amount
    """Wall time of the trial that was neither warm-up nor window."""


class Failure(Noun):
    """A trial without numbers, and the reason."""

    kind: Literal["failure"] = "failure"
    trial: Trial
    started_at: datetime
    reason: str
    """A short sentence: what happened."""
    log_tail: tuple[str, ...] = ()
    """Last lines of the server's log."""
    lab_fault: bool = False
    """The lab failed (driver, database, upstream), not the stack: the trial is invalid, and its block is re-run."""
    off_contract: bool = False
    """The stack's answer on this path is not that of the contract, by its check or the first request, so it was not loaded."""
    inherited: str | None = None
    """A share of a capacity that is not known: the name of the `Cause` for which the block's closed trial does not show one."""


class Block(Noun):
    """The record of one attempt at a block, beside its outcomes."""

    block: Count
    attempt: Count
    started_at: datetime
    overhead_s: Amount
    """Wall time that was not spent in trials: starting and stopping the servers."""
    reference_before_s: Amount = Field(validation_alias=AliasChoices("reference_before_s", "canary_before_s"))
    """Duration of the reference workload before the block; older runs call it a canary."""
    reference_after_s: Amount = Field(validation_alias=AliasChoices("reference_after_s", "canary_after_s"))
    pressure_s: dict[str, Amount] = Field(default_factory=dict)
    """Time during the block in which some task waited for cpu, io or memory."""
    throttled_s: Amount | None = None
    """Time during the block for which a quota stopped the lab's own control group, or one above it."""
    frequency_mhz: Amount | None = None
    cold_start_s: dict[str, Amount] = Field(default_factory=dict)
    """Label -> seconds from the order to start this arm to its first healthy answer (older runs: to start all arms)."""
    start_cpu_s: dict[str, Amount] = Field(default_factory=dict)
    """Label -> CPU time of the start: used by a server until it was healthy (older runs: until all were)."""
    noise: str = ""
    """Why the block was or should have been re-run; empty if it was not disturbed."""


Outcome = Annotated[Sample | Failure, Field(discriminator="kind")]

OUTCOME: TypeAdapter[Sample | Failure] = TypeAdapter(Outcome)
