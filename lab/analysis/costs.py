"""What each role used for a cell's requests: server, generator, database, upstream."""

from collections.abc import Iterable, Sequence
from typing import get_args

from lab.analysis.stats import middle
from lab.model.noun import Amount, Noun
from lab.model.outcome import Role, Sample

ROLES: tuple[Role, ...] = get_args(Role)


class Cost(Noun):
    """One row of costs.csv: a role's use in a cell, the median over its blocks; None where it could not be read."""

    stack: str
    scenario: str
    load: str
    role: Role
    cpu_us_per_request: Amount | None
    """Per correct response."""
    cores: Amount | None
    """CPUs kept busy: 1.0 is one whole CPU."""
    memory_mb: Amount | None
    """At the window's end, in 10^6 bytes: PSS of processes, or the control group's memory without its page cache."""
    threads: Amount | None
    context_switches_per_request: Amount | None
    connections: Amount | None
    """Database: the most that were executing something at any of a few moments of the window."""


def costs(samples: Sequence[Sample]) -> list[Cost]:
    """One row for each role of a cell's samples."""
    trial = samples[0].trial
    return [
        Cost(stack=trial.stack, scenario=trial.scenario, load=str(trial.load), role=role, **_medians(role, samples))
        for role in ROLES
    ]


def _medians(role: Role, samples: Iterable[Sample]) -> dict[str, float | None]:
    used = [(usage, s.driven.window_s, s.driven.completed) for s in samples if (usage := s.usage.get(role))]
    return {
        "cpu_us_per_request": middle(_per(usage.cpu_s, completed, 1e6) for usage, _, completed in used),
        "cores": middle(_per(usage.cpu_s, window_s) for usage, window_s, _ in used),
        "memory_mb": middle(_per(usage.memory_bytes, 1e6) for usage, _, _ in used),
        "threads": middle(usage.threads for usage, _, _ in used),
        "context_switches_per_request": middle(_per(usage.context_switches, done) for usage, _, done in used),
        "connections": middle(usage.connections for usage, _, _ in used),
    }


def _per(amount: float | None, of: float, scale: float = 1) -> float | None:
    return None if amount is None or not of else amount / of * scale
