"""How far whole runs of the same lie apart: another seed, another hour, restarted servers. Measured once, and stored.

Blocks of one run share its moment, so their spread says too little of another run (method.md).
"""

import json
import math
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, variance
from typing import Literal, TypeVar

from lab.errors import LabError
from lab.model.loads import Family
from lab.model.noun import Amount, Count, Noun

VERSION = 1
LEAST_RUNS = 5
Kind = Literal["cell", "ratio"]
"""A stack's own figure, or its ratio to another stack of the same run."""


class Between(Noun):
    """The spread of one metric between whole runs, beyond what their blocks explain."""

    runtime: str
    kind: Kind
    metric: str
    family: Family
    """Of the loads."""
    sd: Amount
    """Standard deviation of the log: 0.05 is about 5 %."""
    runs: Count
    quantities: Count
    """So many cells or ratios it is pooled over."""

    @property
    def freedom(self) -> int:
        """Return its degrees of freedom: whole runs share their moment over all cells, so cells add none."""
        return self.runs - 1


Name = TypeVar("Name", bound=Hashable)
Spreads = Mapping[tuple[str, Kind, str, Family], Between]


def known(path: Path) -> Spreads:
    """Return the stored spreads by runtime, kind, metric and family of loads; empty without the file.

    Raises:
        LabError: the file is damaged.
    """
    if not path.exists():
        return {}
    try:
        text = json.loads(path.read_text())
        found = [Between.model_validate(one) for one in text["spreads"]]
    except (KeyError, TypeError, ValueError) as error:
        raise LabError(f"{path} is damaged: {error}. Restore the file.") from None
    return {(one.runtime, one.kind, one.metric, one.family): one for one in found}


def between(runs: Sequence[Mapping[Name, Sequence[float]]]) -> tuple[float, int]:
    """Return the standard deviation between runs, and over how many quantities it is pooled.

    Args:
        runs: for each run, quantity -> its logs, one for each block.

    The variance of the runs' means holds that of their blocks, which is taken off (analysis of variance, random effects:
    Searle, Casella & McCulloch 1992). Only quantities that every run has count.
    """
    common = set.intersection(*(set(run) for run in runs))
    excess = [
        _excess([run[name] for run in runs])
        for name in runs[0]
        if name in common and all(len(run[name]) > 1 for run in runs)
    ]
    return (math.sqrt(max(0.0, fmean(excess))), len(excess)) if excess else (0.0, 0)


def _excess(logs: Sequence[Sequence[float]]) -> float:
    """Return the variance of the means less what blocks explain of it; it may come out below 0."""
    return variance(map(fmean, logs)) - fmean(variance(of) / len(of) for of in logs)
