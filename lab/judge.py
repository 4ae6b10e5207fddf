"""Whose fault is it? Each trial is valid, failed (the stack's result) or invalid (the lab's fault), with a reason.

The checks are a table, asked in order; the first that objects decides. Their limits are fixed beforehand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from lab.bounds import Setting, bound_by, ceiling_per_s, generator_share
from lab.histogram import Histogram
from lab.nouns import Failure, Outcome, Sample

Result = Literal["valid", "failed", "invalid"]

ERRORS_ALLOWED = 0.001
"""Share of the window's requests that may err, be dropped or stay unfinished before the stack has failed."""
SHORTFALL_ALLOWED = 0.05
"""Open load: share of the scheduled arrivals that may be missing from the responses."""
LAG_US = 1_000
LAG_OF_P50 = 0.1
GENERATOR_BUSY = 0.9
IN_FLIGHT_SHARE = 0.9
USERS_ACCOUNTED = 4
"""Fewer users than this are reported, not judged: their gaps weigh too much."""
NEIGHBOURS_BUSY = 0.05
"""Share of the window that the idle stacks' servers together may have computed."""
STOLEN = 0.2
"""Share of all CPUs' time that the hypervisor may have given to others."""
CEILING_WAIT_MS = 10
EARLY_MS = 1
"""A timer may wake this much too early."""


class Cause(Enum):
    """Everything that makes a trial something else than valid: whose result it is, why it may be, what to do next."""

    NO_TRIAL = "failed", "the server may not have started or may have died: read the end of its log"
    LAB = "invalid", "a part of the lab broke, not the stack: read the driver's log and run the block again"
    NOTHING = "failed", "the server may refuse connections or answer wrongly: read its log"
    ERRED = "failed", "it may be overloaded past its limits or broken: read its log, or lower the load"
    ACCOUNTS = "invalid", "the driver may have lost sight of requests: report this as a bug of the lab"
    LATE = "invalid", "the generator may share its core with something else: quieten the machine or lower the rate"
    BUSY = "invalid", "the generator may be what was measured: lower the load or give it more CPUs"
    IDLE = "invalid", "the generator may have been starved or stuck: quieten the machine and run again"
    NEIGHBOURS = "invalid", "a stack that should have slept took CPU time: find out what it does when idle"
    STOLEN = "invalid", "the machine is shared with others that are busy: run again at a quieter time"
    CEILING = "invalid", "the slots may not be what the lab believes: check the knobs of this stack"
    DROPPED = "failed", "it may have answered too slowly for the generator's connections: lower the rate"
    BEHIND = "failed", "the rate may be above its capacity: lower the rate"

    def __init__(self, result: Result, advice: str) -> None:
        self.result = result
        self.advice = advice


@dataclass(frozen=True)
class Verdict:
    """What a trial counts as; `bound_by` is empty where nothing was measured."""

    result: Result
    reason: str = ""
    bound_by: str = ""
    cause: Cause | None = None


Check = Callable[[Sample, Setting], str | None]
"""Says what happened, with figures, or None where there is nothing to object to."""


def judge(outcome: Outcome, setting: Setting) -> Verdict:
    """One trial's verdict. A Failure is the stack's, unless it says that it is the lab's."""
    if isinstance(outcome, Failure):
        cause = Cause.LAB if outcome.lab_fault else Cause.NO_TRIAL
        return Verdict(cause.result, _sentence(outcome.reason, cause), cause=cause)
    bound = bound_by(outcome, setting)
    for cause, check in CHECKS:
        if what := check(outcome, setting):
            return Verdict(cause.result, _sentence(what, cause), bound, cause)
    return Verdict("valid", bound_by=bound)


def unanswered(sample: Sample, expected: frozenset[str] = frozenset()) -> int:
    """Requests of the window that erred unexpectedly, were dropped or stayed unfinished."""
    return _errors(sample, expected) + sample.driven.dropped


def _sentence(what: str, cause: Cause) -> str:
    return f"{what.rstrip('. ')}; {cause.advice}."


def _errors(sample: Sample, expected: frozenset[str]) -> int:
    return sum(count for reason, count in sample.driven.errors.items() if reason not in expected)


def _nothing_answered(sample: Sample, setting: Setting) -> str | None:
    if sample.driven.completed or sample.driven.errors.keys() & setting.expected_errors:
        return None
    return f"None of {sample.driven.requests:,} requests was answered correctly{_most_frequent(sample)}"


def _erred(sample: Sample, setting: Setting) -> str | None:
    errors = _errors(sample, setting.expected_errors)
    if errors <= ERRORS_ALLOWED * sample.driven.requests:
        return None
    return f"{errors:,} of {sample.driven.requests:,} requests went wrong{_most_frequent(sample)}"


def _most_frequent(sample: Sample) -> str:
    first = sorted(sample.driven.errors.items(), key=lambda item: (-item[1], item[0]))[:3]
    return f" ({', '.join(f'{reason}: {count:,}' for reason, count in first)})" if first else ""


def _accounts_do_not_add_up(sample: Sample, _: Setting) -> str | None:
    """In open load `latency` also holds what timed out, as having taken at least so long; `service` holds it not."""
    driven = sample.driven
    correct = Histogram.decode(driven.service or driven.latency).count
    ended = correct + sum(driven.errors.values()) + driven.dropped
    if ended == driven.requests:
        return None
    return f"{driven.requests:,} requests were made but {ended:,} ended"


def _generator_late(sample: Sample, _: Setting) -> str | None:
    if sample.driven.lag is None:
        return None
    lag_us = Histogram.decode(sample.driven.lag).percentile_us(99)
    p50_us = Histogram.decode(sample.driven.latency).percentile_us(50)
    if lag_us is None or lag_us <= LAG_US or (p50_us is not None and lag_us <= LAG_OF_P50 * p50_us):
        return None
    return f"The generator sent late (p99 of its lag {lag_us / 1e3:.1f} ms)"


def _generator_busy(sample: Sample, setting: Setting) -> str | None:
    share = generator_share(sample, setting.other_cpus)
    if share is None or share <= GENERATOR_BUSY or bound_by(sample, setting) != "generator":
        return None
    return f"The generator's core was {share:.0%} busy and nothing else explains the throughput"


def _requests_not_in_flight(sample: Sample, _: Setting) -> str | None:
    load = sample.trial.load
    if load.kind == "open" or load.amount < USERS_ACCOUNTED:
        return None
    share = sample.driven.in_flight_s / (load.amount * sample.driven.window_s)
    if share >= IN_FLIGHT_SHARE:
        return None
    return f"The {load.amount} users had a request in flight for {share:.0%} of the window only"


def _neighbours_busy(sample: Sample, _: Setting) -> str | None:
    if sample.idle_cpu_s is None or sample.idle_cpu_s <= NEIGHBOURS_BUSY * sample.driven.window_s:
        return None
    return f"The idle stacks' servers took {sample.idle_cpu_s / sample.driven.window_s:.0%} of a core during the window"


def _stolen(sample: Sample, _: Setting) -> str | None:
    if sample.stolen is None or sample.stolen <= STOLEN:
        return None
    return f"The hypervisor took {sample.stolen:.0%} of the CPUs' time"


def _ceiling_exceeded(sample: Sample, setting: Setting) -> str | None:
    """At most slots x (T + d) / d responses end in a window T; d is shortened by what timers may wake early."""
    ceiling = ceiling_per_s(setting, early_ms=EARLY_MS)
    if ceiling is None or setting.slots is None or setting.wait_ms < CEILING_WAIT_MS:
        return None
    most = ceiling * sample.driven.window_s + setting.slots
    if sample.driven.completed <= most:
        return None
    return f"{sample.driven.completed:,} responses came where {setting.slots} slots allow {most:,.0f}"


def _dropped(sample: Sample, _: Setting) -> str | None:
    if sample.driven.dropped <= ERRORS_ALLOWED * sample.driven.requests:
        return None
    return f"{sample.driven.dropped:,} of {sample.driven.requests:,} scheduled requests could not be sent"


def _fell_behind(sample: Sample, _: Setting) -> str | None:
    """Arrivals and responses differ by the change of what is in flight: by about sqrt(2 x mean) in a stable queue."""
    driven = sample.driven
    if sample.trial.load.kind == "closed":
        return None
    shortfall = driven.requests - driven.completed - sum(driven.errors.values()) - driven.dropped
    chance = 3 * (2 * driven.in_flight_s / driven.window_s) ** 0.5
    if shortfall <= max(SHORTFALL_ALLOWED * driven.requests, chance):
        return None
    return f"It fell behind the schedule: {driven.completed:,} responses to {driven.requests:,} arrivals"


CHECKS: tuple[tuple[Cause, Check], ...] = (
    (Cause.NOTHING, _nothing_answered),
    (Cause.ERRED, _erred),
    (Cause.ACCOUNTS, _accounts_do_not_add_up),
    (Cause.LATE, _generator_late),
    (Cause.BUSY, _generator_busy),
    (Cause.IDLE, _requests_not_in_flight),
    (Cause.NEIGHBOURS, _neighbours_busy),
    (Cause.STOLEN, _stolen),
    (Cause.CEILING, _ceiling_exceeded),
    (Cause.DROPPED, _dropped),
    (Cause.BEHIND, _fell_behind),
)
