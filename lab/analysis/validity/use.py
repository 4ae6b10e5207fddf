"""How busy the CPUs were in a trial, by whom, and what kept a role from running."""

from lab.model.outcome import Role, Sample


def cpu_share(sample: Sample, role: Role) -> float | None:
    """CPUs that a role kept busy during the window (1.0: one whole CPU)."""
    usage = sample.usage.get(role)
    return None if usage is None or usage.cpu_s is None else usage.cpu_s / sample.driven.window_s


def generator_share(sample: Sample, other_cpus: int = 1) -> float | None:
    """How busy the generator's core was, by all that runs on it; of several CPUs no less than the generator alone."""
    alone = cpu_share(sample, "generator")
    if sample.other_cores_busy is not None:
        return max(alone or 0, sample.other_cores_busy)
    if alone is None:
        return None
    together = alone + (cpu_share(sample, "database") or 0) + (cpu_share(sample, "upstream") or 0)
    return max(alone, together / other_cpus)


def quota_share(sample: Sample) -> float | None:
    """Share of the window for which a CPU quota of the server's own kept it from running: above 1 on several CPUs."""
    throttled_s = sample.server_throttled_s
    return None if throttled_s is None else throttled_s / sample.driven.window_s


def foreign_share(sample: Sample, server_cpus: int = 1) -> float | None:
    """Share of the server's CPUs that was taken by something that is neither the server nor a stack of the run."""
    own = cpu_share(sample, "server")
    if sample.server_cores_busy is None or own is None:
        return None
    idle = (sample.idle_cpu_s or 0) / sample.driven.window_s
    return sample.server_cores_busy - (own + idle) / server_cpus


def foreign_beside(sample: Sample, other_cpus: int = 1) -> float | None:
    """Share of the CPUs beside the server's that was taken by something else than generator, database and upstream.

    The lab itself, interrupts and the engine's logging are in it: at most 0.1 of most trials.
    """
    alone = cpu_share(sample, "generator")
    if sample.other_cores_busy is None or alone is None:
        return None
    together = alone + (cpu_share(sample, "database") or 0) + (cpu_share(sample, "upstream") or 0)
    return sample.other_cores_busy - together / other_cpus
