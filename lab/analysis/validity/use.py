"""How busy the CPUs were in a trial, with what, and what kept a role from running."""

from lab.model.outcome import Role, Sample


def cpu_share(sample: Sample, role: Role) -> float | None:
    """Return the CPUs that a role kept busy during the window (1.0: one whole CPU)."""
    usage = sample.usage.get(role)
    return None if usage is None or usage.cpu_s is None else usage.cpu_s / sample.driven.window_s


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
    return (alone + (cpu_share(sample, "database") or 0) + (cpu_share(sample, "upstream") or 0)) / other_cpus


def quota_share(sample: Sample) -> float | None:
    """Return the share of the window for which a CPU quota of the server's own kept it from running: above 1 on several CPUs."""
    throttled_s = sample.server_throttled_s
    return None if throttled_s is None else throttled_s / sample.driven.window_s


def foreign_share(sample: Sample, server_cpus: int = 1) -> float | None:
    """Return the share of the server's CPUs that was taken by something that is neither the server nor a stack of the run."""
    own = cpu_share(sample, "server")
    if sample.server_cores_busy is None or own is None:
        return None
    idle = (sample.idle_cpu_s or 0) / sample.driven.window_s
    return sample.server_cores_busy - (own + idle) / server_cpus


def foreign_beside(sample: Sample, other_cpus: int = 1) -> float | None:
    """Return the share of the CPUs beside the server's that was taken by something else than generator, database and upstream.

    The lab itself, interrupts and the engine are in it. In the reference runs it is below 0.1 in 99 of 100 trials; where the
    engine wrote a stack's access log (variants-docker) it is up to 0.44.
    """
    own = _own_beside(sample, other_cpus)
    return None if sample.other_cores_busy is None or own is None else sample.other_cores_busy - own
