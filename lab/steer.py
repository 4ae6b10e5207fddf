"""Decides while a run goes on: was this block too noisy to keep, and are the ratios known well enough to stop?

Never by whether a difference is significant: a run that stops when p is small finds differences where there are none.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence

from lab import summary
from lab.compare.rows import compare
from lab.judge.bounds import Setting
from lab.judge.verdict import judge
from lab.nouns import Block, Outcome, Trial

CANARY_OFF = 0.15
"""Share by which the canary may differ from the run's median before the block counts as noisy."""
CANARY_KNOWN = 4
"""So many canaries make a median to be held against."""

Settings = Callable[[Trial], Setting]
Cell = tuple[str, str, str]


def cell_of(trial: Trial) -> Cell:
    """Stack, scenario and load of a trial."""
    return trial.stack, trial.scenario, str(trial.load)


def invalid(outcomes: Iterable[Outcome], settings: Settings) -> dict[Cell, str]:
    """Cells of a block that are invalid, with the reason."""
    verdicts = ((outcome.trial, judge(outcome, settings(outcome.trial))) for outcome in outcomes)
    return {cell_of(trial): verdict.reason for trial, verdict in verdicts if verdict.result == "invalid"}


def canary_off(block: Block, others: Sequence[Block]) -> str:
    """Why the canary says that the machine was not itself; empty where it was, or where too little is known."""
    known = [value for one in (*others, block) for value in (one.canary_before_s, one.canary_after_s)]
    if len(known) < CANARY_KNOWN:
        return ""
    usual = statistics.median(known)
    worst = max((block.canary_before_s, block.canary_after_s), key=lambda value: abs(value / usual - 1))
    if abs(worst / usual - 1) <= CANARY_OFF:
        return ""
    return f"The canary took {worst * 1e3:.2f} ms instead of {usual * 1e3:.2f} ms: the machine's speed changed."


def imprecise(outcomes: Iterable[Outcome], settings: Settings, baseline: str, precision: float) -> list[str]:
    """Headline ratios (throughput in closed load) whose interval reaches further than `precision` from the ratio.

    A ratio of which no interval is known is among them; ratios of cells that are not valid are not: more blocks will not mend them.
    """
    trials = summary.judged(outcomes, settings)
    rows = compare(summary.observations(trials, summary.cells(trials)), baseline)
    headline = [row for row in rows if row.metric == "rps" and row.load.startswith("closed") and not row.is_aa]
    wide = [row for row in headline if row.hi is None or row.hi / row.ratio - 1 > precision]
    return [f"{row.stack} {row.scenario} {row.load}" for row in wide]
