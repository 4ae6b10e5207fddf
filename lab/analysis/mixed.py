"""Several scenarios at once: each one's own outcomes, and what the others did to it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from lab.analysis import stats
from lab.analysis.measures import MEASURES
from lab.analysis.summary import Judged
from lab.model.cell import Value
from lab.model.loads import Load
from lab.model.mixtures import Row, portions
from lab.model.outcome import Outcome, Sample
from lab.model.workload import Scenario


def with_portions(outcomes: Iterable[Outcome], scenarios: Iterable[Scenario]) -> Iterator[Outcome]:
    """Yield outcomes, and behind that of a mixture one for each of its scenarios, under the load that it had."""
    mixtures = {scenario.id: scenario for scenario in scenarios if scenario.parts}
    for outcome in outcomes:
        yield outcome
        if mixture := mixtures.get(outcome.trial.scenario):
            yield from _apart(outcome, mixture)


def _apart(outcome: Outcome, mixture: Scenario) -> Iterator[Outcome]:
    found = portions(mixture, outcome.trial.load)
    driven = outcome.driven.portions if isinstance(outcome, Sample) else ()
    for place, portion in enumerate(found):
        if portion.beside is mixture:
            continue
        trial = outcome.trial.model_copy(update={"scenario": portion.beside.id, "load": portion.load})
        if not isinstance(outcome, Sample):
            yield outcome.model_copy(update={"trial": trial})
        elif place < len(driven):
            offered = portion.load.amount if portion.load.kind == "open" else None
            update = {"trial": trial, "driven": driven[place], "offered_rps": offered, "is_portion": True}
            yield outcome.model_copy(update=update)


_FIGURES = {"closed": ("rps", "p50_ms", "p90_ms", "long_share"), "open": ("p50_ms", "p90_ms", "long_share")}
"""Kind of a load -> what is compared: at a given rate throughput says nothing."""


class Changed(NamedTuple):
    """A figure alone and beside the others (means over blocks), and the ratio inside each block with its interval.

    Means are geometric; without a ratio, because a figure was 0, they are plain.
    """

    alone: float
    beside: float
    ratio: Value | None


@dataclass(frozen=True)
class Influence:
    """What the rest of a mixture did to one of its scenarios on one stack: figures beside the others over those alone."""

    stack: str
    beside: str
    """The scenario's id beside the others, which names these and the mixture's load."""
    load: Load
    """Its own share of that load."""
    figures: Mapping[str, Changed]
    """By metric, of those that both have in a block at least."""


def influences(trials: Iterable[Judged], rows: Iterable[Row], stacks: Iterable[str]) -> list[Influence]:
    """Return what each scenario of a mixture lost to the others, by the ratios inside the blocks that have both."""
    seen: dict[tuple[str, str, str], dict[int, Sample]] = {}
    for one in trials:
        if one.sample and one.verdict.result == "valid":
            seen.setdefault((one.trial.stack, one.trial.scenario, str(one.trial.load)), {})[one.trial.block] = (
                one.sample
            )
    return [
        Influence(stack, portion.beside.id, portion.load, figures)
        for row in rows
        for portion in portions(*row)
        for stack in stacks
        for beside, alone in [
            [seen.get((stack, one.id, str(portion.load)), {}) for one in (portion.beside, portion.alone)]
        ]
        if (figures := _changed(beside, alone, _FIGURES[portion.load.kind]))
    ]


def _changed(beside: Mapping[int, Sample], alone: Mapping[int, Sample], metrics: Iterable[str]) -> dict[str, Changed]:
    """Return the figures of the blocks that have both; where one is 0, which has no ratio, their plain means."""
    found = {}
    for metric in metrics:
        measure = MEASURES[metric]
        both = [
            (a, b)
            for block in sorted(alone.keys() & beside.keys())
            if (a := measure(alone[block])) is not None and (b := measure(beside[block])) is not None
        ]
        if both and all(a > 0 and b > 0 for a, b in both):
            before, after = (_known(stats.geometric(values)) for values in zip(*both, strict=True))
            found[metric] = Changed(before, after, stats.geometric(b / a for a, b in both))
        elif both:
            found[metric] = Changed(fmean(a for a, _ in both), fmean(b for _, b in both), None)
    return found


def _known(value: Value | None) -> float:
    return value.mean if value else 0
