"""What each role used for a cell's requests: server, generator, database, upstream."""

from collections.abc import Sequence
from typing import get_args

from pydantic import Field

from lab.analysis import columns
from lab.analysis.stats import middle
from lab.model.noun import Amount, Noun
from lab.model.outcome import Role, Sample

ROLES: tuple[Role, ...] = get_args(Role)


class Cost(Noun):
    """One row of costs.csv: a role's use in a cell."""

    stack: str
    scenario: str
    load: str
    role: Role
    figures: dict[str, Amount | None] = Field(default_factory=dict)
    """Name of a column -> the median over blocks; None where it could not be read."""


def costs(samples: Sequence[Sample]) -> list[Cost]:
    """Return one row for each role of a cell's samples."""
    trial = samples[0].trial
    return [
        Cost(
            stack=trial.stack, scenario=trial.scenario, load=str(trial.load), role=role, figures=_medians(role, samples)
        )
        for role in ROLES
    ]


def _medians(role: Role, samples: Sequence[Sample]) -> dict[str, float | None]:
    used = [(usage, sample.driven) for sample in samples if (usage := sample.usage.get(role))]
    return {column.name: middle(column.measure(usage, driven) for usage, driven in used) for column in columns.COSTS}
