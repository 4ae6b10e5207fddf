"""What a trial gave: a sample or a failure, which has no place for numbers; and how its block went."""

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
    errors: dict[str, Count] = Field(default_factory=dict)
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
    secondary_timings: dict[str, Encoded] = Field(
        default_factory=dict, validation_alias=AliasChoices("secondary_timings", "asides")
    )
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
    """The lab broke (driver, database, upstream), not the stack: the trial is invalid, and its block is re-run."""
    off_contract: bool = False
    """The stack answers this path otherwise than it must, by the contract check or the first request, so it was not loaded there."""


class Block(Noun):
    """How one attempt at a block went, beside its outcomes."""

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
    """Time during the block in which a quota kept the lab, or what holds it, from running."""
    frequency_mhz: Amount | None = None
    cold_start_s: dict[str, Amount] = Field(default_factory=dict)
    """Label -> seconds from the order to start this arm to its first healthy answer (older runs: to start all arms)."""
    start_cpu_s: dict[str, Amount] = Field(default_factory=dict)
    """Label -> CPU time that a server had used when it was healthy (older runs: when all were): what its start costs."""
    noise: str = ""
    """Why the block was or should have been re-run; empty where nothing was wrong."""


Outcome = Annotated[Sample | Failure, Field(discriminator="kind")]

OUTCOME: TypeAdapter[Sample | Failure] = TypeAdapter(Outcome)
