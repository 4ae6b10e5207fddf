"""How busy the CPUs were in a trial, with what, what kept a role from running, and stalls.

A stall is time of a request that is neither waiting by the scenario's order nor CPU, on a machine that was idle. A sleeping
thread, a delayed acknowledgement or a lost packet takes no CPU time, so that no counter shows it; what is left of the
latency when all else is subtracted does.
"""

from typing import get_args

from lab.analysis.stats import latencies
from lab.analysis.validity.limits import Limits
from lab.model.outcome import Role, Sample

IDLE = 0.5
"""Share of the server's CPUs, of the others and of one CPU by all roles together that may have been used: above it requests
may queue."""
STALL_MS = 10
"""Less may be a CPU that wakes up, a timer or the scheduler: over all reference runs such rests are at most 2 ms."""
STALL_SHARE = 0.25
"""Share of the latency: waits that the scenario orders last a little longer than ordered, each of them."""


def cpu_share(sample: Sample, role: Role) -> float | None:
    """Return the CPUs that a role kept busy during the window (1.0: one whole CPU)."""
    usage = sample.usage.get(role)
    return None if usage is None or usage.cpu_s is None else usage.cpu_s / sample.driven.window_s


def database_share(sample: Sample, other_cpus: int = 1) -> float:
    """Return the CPUs that the database kept busy: where too many of its processes came and went to tell, what no role used."""
    known = cpu_share(sample, "database")
    if known is not None or "database" not in sample.usage:
        return known or 0
    others = sum(cpu_share(sample, role) or 0 for role in ("generator", "upstream"))
    return max(0.0, (sample.other_cores_busy or 0) * other_cpus - others)


def generator_share(sample: Sample, other_cpus: int = 1) -> float | None:
    """Return how busy the generator's core was, by all that runs on it; of several CPUs no less than the generator alone."""
    alone, together = cpu_share(sample, "generator"), _own_beside(sample, other_cpus)
    if sample.other_cores_busy is not None:
        return max(alone or 0, sample.other_cores_busy)
    return None if alone is None or together is None else max(alone, together)


def _own_beside(sample: Sample, other_cpus: int) -> float | None:
    """Return the share of the CPUs beside the server's that generator, database and upstream used."""
    alone = cpu_share(sample, "generator")
    if alone is None:
        return None
    return (alone + database_share(sample, other_cpus) + (cpu_share(sample, "upstream") or 0)) / other_cpus


def quota_share(sample: Sample) -> float | None:
    """Return the share of the window for which a CPU quota of the server's own kept it from running: above 1 on several CPUs."""
    throttled_s = sample.server_throttled_s
    return None if throttled_s is None else throttled_s / sample.driven.window_s


def foreign_share(sample: Sample, server_cpus: int = 1, *, shared: bool = False) -> float | None:
    """Return the share of the server's CPUs that was taken by something that is neither the server nor a stack of the run.

    Args:
        shared: whether generator, database and upstream run there too; then all that they used counts as used there.
    """
    own = cpu_share(sample, "server")
    if sample.server_cores_busy is None or own is None:
        return None
    idle = (sample.idle_cpu_s or 0) / sample.driven.window_s
    beside = (_own_beside(sample, 1) or 0) if shared else 0
    return sample.server_cores_busy - (own + idle + beside) / server_cpus


def foreign_beside(sample: Sample, other_cpus: int = 1, *, shared: bool = False) -> float | None:
    """Return the share of the CPUs beside the server's that was taken by something else than generator, database and upstream.

    The lab itself, interrupts and the engine are in it. In the reference runs it is below 0.1 in 99 of 100 trials; where the lab
    reads many processes or threads (standard-all-docker, threads, the two runs of answers) below 0.14, in keep-alive and documented
    below 0.2, and where the engine wrote a stack's access log (variants-docker) up to 0.44.

    Args:
        shared: whether the server runs there too; then all that it used counts as used there.
    """
    own = _own_beside(sample, other_cpus)
    if sample.other_cores_busy is None or own is None:
        return None
    server = (cpu_share(sample, "server") or 0) / other_cpus if shared else 0
    return sample.other_cores_busy - own - server


def stall_ms(sample: Sample, limits: Limits) -> float | None:
    """Return how long a mean request stalled, in ms; None where the machine was not idle, or all is explained.

    It is what remains of the mean latency without the scenario's waits (for a slot too, where there are fewer than
    requests at once) and without CPU time of any role. By Little's law requests x CPU time each is latency x CPU use: it
    is subtracted as if all requests at once queued for one CPU, which can only make the stall look shorter.
    """
    driven = sample.driven
    if not driven.completed or sample.serving_replaced or not _idle(sample):  # a restart explains a gap
        return None
    if sample.is_portion or sample.driven.portions:  # requests queue behind those of other scenarios
        return None
    if sample.trial.load.burst:  # it makes requests queue, and its means say nothing of either part
        return None
    by_littles_law_ms = driven.in_flight_s / driven.completed * 1e3
    if _rest_ms(by_littles_law_ms, sample, limits) is None:  # decoding a histogram takes milliseconds
        return None
    latency_ms = latencies(driven.service or driven.latency).mean_ms
    return None if latency_ms is None else _rest_ms(latency_ms, sample, limits)


def _rest_ms(latency_ms: float, sample: Sample, limits: Limits) -> float | None:
    rest_ms = latency_ms * (1 - _kept_busy(sample)) - limits.wait_ms * _rounds(sample, limits)
    return rest_ms if rest_ms >= max(STALL_MS, STALL_SHARE * latency_ms) else None


def _idle(sample: Sample) -> bool:
    """Return whether the CPUs are known to have been idle."""
    if cpu_share(sample, "server") is None or any(usage.cpu_s is None for usage in sample.usage.values()):
        return False
    shares = (sample.server_cores_busy, sample.other_cores_busy, _kept_busy(sample))
    return all((share or 0) <= IDLE for share in shares)


def _kept_busy(sample: Sample) -> float:
    """Return the CPUs that all roles together used, and what a hypervisor or a quota withheld, as a share of the window."""
    roles: tuple[Role, ...] = get_args(Role)
    used = sum(cpu_share(sample, role) or 0 for role in roles)
    return used + (sample.stolen or 0) + (quota_share(sample) or 0)


def _rounds(sample: Sample, limits: Limits) -> float:
    """Return how many waits pass until a request has had its own: one, or more where more requests than slots are in flight."""
    return 1 if limits.slots is None else max(1, at_once(sample) / limits.slots)


def users_queue(sample: Sample, limits: Limits) -> bool:
    """Return whether users wait for each other: requests take more than twice their waits and the CPU time of all roles.

    That many users are beyond the point from which on more of them bring no throughput (asymptotic bounds: Denning and Buzen,
    The Operational Analysis of Queueing Network Models, 1978).
    """
    load, driven = sample.trial.load, sample.driven
    if load.kind == "open" or not driven.completed:
        return False
    own_s = limits.wait_ms / 1e3 * driven.completed + _kept_busy(sample) * driven.window_s
    return driven.in_flight_s > 2 * own_s


def at_once(sample: Sample) -> float:
    """Return how many requests are in flight: all users that do not think, else the mean over the window."""
    load, driven = sample.trial.load, sample.driven
    all_ask = load.kind == "closed" and not driven.thinking_s
    return load.amount if all_ask else driven.in_flight_s / driven.window_s
