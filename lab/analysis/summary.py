"""From outcomes to cells: each block's last attempt is judged and summed up per stack, scenario and load."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from lab.analysis import columns
from lab.analysis.columns import Cost, Counted
from lab.analysis.comparison.paired import MIN_BLOCKS
from lab.analysis.comparison.pairs import Observation
from lab.analysis.measures import MEASURES
from lab.analysis.validity.blocks import notes_of, outcome_of
from lab.analysis.validity.limits import Limits
from lab.analysis.validity.steady import trend
from lab.analysis.validity.verdict import Verdict, judge
from lab.model.cell import Cell
from lab.model.outcome import Outcome, Sample
from lab.model.stack import AA
from lab.model.workload import Trial

LimitsOf = Callable[[Trial], Limits]
_COMPARED = ("rps", "cpu_us_per_request", "p99_ms")
"""Metrics of comparisons."""


@dataclass(frozen=True)
class Judged:
    """The attempt of a block that counts, and what it counts as."""

    outcome: Outcome
    verdict: Verdict
    limits: Limits

    @property
    def trial(self) -> Trial:
        return self.outcome.trial

    @property
    def sample(self) -> Sample | None:
        """Return what was measured, if it counts."""
        return self.outcome if isinstance(self.outcome, Sample) and self.verdict.result != "invalid" else None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.trial.scenario, str(self.trial.load), self.trial.stack


def judged(outcomes: Iterable[Outcome], limits_of: LimitsOf) -> list[Judged]:
    """Return the outcomes that count with their verdicts, in the order in which they were measured."""
    found = ((outcome, limits_of(outcome.trial)) for outcome in counted(list(outcomes)))
    return [Judged(outcome, judge(outcome, limits), limits) for outcome, limits in found]


def counted(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the attempt of each block that counts: the last, or the last before one that was broken off.

    Attempts are never mixed inside a block: its trials were measured together to be compared with each other.
    """
    sizes = Counter((outcome.trial.block, outcome.trial.attempt) for outcome in outcomes)
    chosen: dict[int, tuple[int, int]] = {}
    for (block, attempt), size in sizes.items():
        chosen[block] = max(chosen.get(block, (0, 0)), (size, attempt))
    return [outcome for outcome in outcomes if chosen[outcome.trial.block][1] == outcome.trial.attempt]


def cells(trials: Iterable[Judged]) -> list[Cell]:
    """Return one cell per stack x scenario x load, A/A arms included.

    The A/A arm is the baseline measured a second time in each block: where both are valid, the baseline's figures and ratios
    are of both.
    """
    groups = {trials[0].key: trials for trials in _grouped(trials)}
    return [_cell(trials, groups.get((*key[:2], key[2] + AA), [])) for key, trials in groups.items()]


def _grouped(trials: Iterable[Judged]) -> Iterator[list[Judged]]:
    ordered = sorted(trials, key=lambda trial: trial.key)
    yield from (list(group) for _, group in groupby(ordered, key=lambda trial: trial.key))


def _cell(trials: Sequence[Judged], again: Sequence[Judged]) -> Cell:
    verdicts = [t.verdict for t in trials]
    result, reason = outcome_of(verdicts, MIN_BLOCKS)
    trial = trials[0].trial
    counted = [t for t in trials if t.sample]
    shown = [] if result == "invalid" else counted
    both = [*shown, *_second(again)] if result == "valid" else shown
    return Cell(
        stack=trial.stack,
        scenario=trial.scenario,
        load=str(trial.load),
        blocks=len({t.trial.block for t in both})
        if result == "valid"
        else sum(verdict.result == "valid" for verdict in verdicts),
        outcome=result,
        reason=reason,
        bound_by=_bound(shown) if shown else "",
        notes=(*notes_of(verdicts, MIN_BLOCKS), *_trend(counted)),
        figures=columns.figures(Counted(_samples(both), _samples(trials), trials[0].limits.expected_errors)),
    )


def _second(again: Sequence[Judged]) -> list[Judged]:
    """Return the trials of the A/A arm that count as the baseline's: none unless its own cell is valid."""
    valid = bool(again) and outcome_of([t.verdict for t in again], MIN_BLOCKS)[0] == "valid"
    return [t for t in again if t.sample] if valid else []


def _samples(trials: Iterable[Judged]) -> list[Sample]:
    return [trial.outcome for trial in trials if isinstance(trial.outcome, Sample)]


def _bound(trials: Iterable[Judged]) -> str:
    return Counter(t.verdict.bound_by for t in trials).most_common(1)[0][0]


def _trend(trials: Sequence[Judged]) -> Iterator[str]:
    """Yield whether the cell was not steady; a full CPU serves its users one after the other, so that they are not in step."""
    samples = _samples(trials)
    if samples and (found := trend(samples, MIN_BLOCKS, in_step=_bound(trials) != "server CPU")):
        yield found


def costs(trials: Iterable[Judged], cells: Iterable[Cell]) -> list[Cost]:
    """Return what every role used, of the cells that have numbers."""
    measured = {(cell.scenario, cell.load, cell.stack) for cell in cells if cell.rps is not None}
    groups = _grouped(
        trial for trial in trials if trial.sample and not trial.sample.is_portion and trial.key in measured
    )
    return [row for group in groups for row in columns.costs(_samples(group))]


def observations(trials: Iterable[Judged], cells: Iterable[Cell]) -> list[Observation]:
    """Return what each counted block of a valid cell measured.

    Failed and invalid cells leave every comparison, and so do a p99 of too few requests, and throughput at a share of capacity:
    it was offered, and would repeat the comparison of the closed load that it is a share of.
    """
    compared = {(cell.scenario, cell.load, cell.stack): cell for cell in cells if cell.outcome == "valid"}
    return [
        Observation(t.trial.stack, t.trial.scenario, str(t.trial.load), t.trial.block, metric, value)
        for t in trials
        if t.key in compared and t.sample
        for metric in _COMPARED
        if (value := MEASURES[metric](t.sample)) is not None
        and value > 0
        and (metric != "p99_ms" or compared[t.key].amount("p99_ms") is not None)
        and (metric != "rps" or not t.trial.load.is_share)
    ]
