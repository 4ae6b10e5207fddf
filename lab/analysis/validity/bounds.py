"""What limited a trial: a CPU, a quota, the slots, a stall that no CPU explains, or only the load that was offered."""

from math import inf
from typing import Literal

from lab.analysis.validity.limits import Limits, ceiling_per_s
from lab.analysis.validity.use import (
    at_once,
    cpu_share,
    database_share,
    generator_share,
    quota_share,
    stall_ms,
    users_queue,
)
from lab.model.outcome import Sample

Bound = Literal[
    "CPU quota", "server CPU", "server slots", "generator", "database", "upstream", "stall", "offered rate", ""
]

QUOTA: Literal["CPU quota"] = "CPU quota"
MEANING: dict[Bound, str] = {
    "CPU quota": "a CPU quota kept the server from running: the quota was measured, not the stack",
    "server CPU": "the server's CPU was full: this is what the stack can do",
    "server slots": "all slots waited: the number of slots was measured, not the framework",
    "generator": "the load generator was full: the stack may be faster than shown",
    "database": "the database was full: the stack may be faster than shown",
    "upstream": "the upstream service was full: the stack may be faster than shown",
    "stall": "all CPUs were idle, and requests took far longer than their waits and CPU time: something else held them up",
    "offered rate": "nothing was full: more users or a higher rate would have given more",
}
FULL = 0.9
"""Share of a CPU, or of a ceiling, from which on it counts as reached."""
NEARLY_FULL = 0.75
"""The same for the server's CPUs while users wait for each other and nothing else is full: threads that pass on an interpreter's
lock, or workers with unlike shares of the users, leave some of each CPU idle."""
MOST = 0.6
"""Share of a full CPU that the server itself must have used to count as what filled it."""

THROTTLED = 0.1
"""Share of the window for which a quota must have kept the server from running to count as what limited it."""
SERVED = 0.95
"""Share of an open load's arrivals whose responses say that the schedule was kept."""


def bound_by(sample: Sample, limits: Limits) -> Bound:
    """Return the first limit that was reached, the server's own first; none of a burst, in which it changes."""
    if not sample.driven.completed or sample.trial.load.burst:
        return ""
    if _quota_reached(sample, limits):
        return QUOTA
    if _server_full(sample, limits, FULL):
        return "server CPU"
    if _slots_full(sample, limits):
        return "server slots"
    if not _load_served(sample, limits):
        if (generator_share(sample, limits.other_cpus) or 0) > FULL:
            return _largest_beside_server(sample, limits)
        if (cpu_share(sample, "upstream") or 0) >= FULL:  # one process on one thread: further CPUs do not help it
            return "upstream"
    if stall_ms(sample, limits):
        return "stall"
    if _server_nearly_full(sample, limits):
        return "server CPU"
    return "server slots" if _more_users_than_slots(sample, limits) else "offered rate"


def _quota_reached(sample: Sample, limits: Limits) -> bool:
    return (quota_share(sample) or 0) >= THROTTLED and not _load_served(sample, limits)


def _server_full(sample: Sample, limits: Limits, full: float) -> bool:
    """Return whether all its CPUs are full of its own work, or one for each worker, which cannot use more.

    One thread alone uses just one CPU. Threads of an interpreter with a global lock use somewhat more, in the kernel and to pass
    the lock on, and get no further.
    Interrupts that the server causes are counted to the CPU and not to it, so of a full CPU most is enough; where
    others filled it, the trial is invalid (FOREIGN) and the server was not the bound. What the hypervisor took was not
    there to be filled.
    """
    share = cpu_share(sample, "server") or 0
    stolen = sample.server_stolen or 0
    if (sample.server_cores_busy or 0) >= full * (1 - stolen) and share >= MOST * limits.server_cpus:
        return True
    most = inf if limits.is_locked else 1.05
    return share >= full * limits.server_cpus or full <= share / limits.workers <= most


def _server_nearly_full(sample: Sample, limits: Limits) -> bool:
    """Return whether users wait for the server's CPUs rather than for slots: one on each CPU, or slots that are fuller."""
    if limits.slots is not None and limits.slots <= limits.server_cpus:
        return False
    slots_taken = _rps(sample) / (ceiling_per_s(limits) or inf)
    return (
        slots_taken < (cpu_share(sample, "server") or 0) / limits.server_cpus
        and users_queue(sample, limits)
        and _server_full(sample, limits, NEARLY_FULL)
    )


def _slots_full(sample: Sample, limits: Limits) -> bool:
    """Return whether all slots are taken. Fewer users than slots cannot fill them: the users are the limit then."""
    ceiling, load = ceiling_per_s(limits), sample.trial.load
    if ceiling is None or (load.kind == "closed" and load.amount <= (limits.slots or 0)):
        return False
    return _rps(sample) >= FULL * ceiling


def _more_users_than_slots(sample: Sample, limits: Limits) -> bool:
    """Return whether more users ask at once than there are slots: some always wait, and further users change nothing."""
    return sample.trial.load.kind == "closed" and limits.slots is not None and at_once(sample) > limits.slots


def _load_served(sample: Sample, limits: Limits) -> bool:
    """Return whether all that was offered was answered: the schedule (open), or each user as often as wait and think time allow."""
    load = sample.trial.load
    if load.kind == "open":
        return sample.driven.completed >= SERVED * sample.driven.requests
    pause_ms = limits.wait_ms + load.think_ms
    return pause_ms > 0 and _rps(sample) >= FULL * load.amount / pause_ms * 1e3


def _rps(sample: Sample) -> float:
    return sample.driven.completed / sample.driven.window_s


def _largest_beside_server(sample: Sample, limits: Limits) -> Bound:
    """Return which role filled the generator's core; unless it was clearly another role, the generator could not run freely."""
    shares: dict[Bound, float] = {
        "database": database_share(sample, limits.other_cpus),
        "upstream": cpu_share(sample, "upstream") or 0,
    }
    largest = max(shares, key=lambda role: shares[role])
    return largest if shares[largest] > max(FULL / 2, cpu_share(sample, "generator") or 0) else "generator"
