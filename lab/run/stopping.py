"""Decide during a run: was this block too noisy to keep, and are the ratios known well enough to stop?

Never by whether a difference is significant: a run that stops when p is small finds differences where there are none.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lab.analysis import summary
from lab.analysis.comparison.contrasts import differences
from lab.analysis.comparison.paired import MIN_BLOCKS, is_wide
from lab.analysis.comparison.pairs import Pair, pairs
from lab.analysis.comparison.rows import families
from lab.analysis.validity.blocks import is_undecided
from lab.analysis.validity.limits import Limits
from lab.analysis.validity.verdict import Verdict, judge
from lab.model.outcome import Block, Outcome
from lab.model.stack import Stack, baseline
from lab.model.workload import Trial

REFERENCE_OFF = 0.15
"""Share by which the reference workload may differ from the latest ones' median before the block counts as noisy."""
BLOCKS_BEFORE = 3
"""A machine's speed drifts by a tenth and more within minutes, which the ratio inside a block takes out; a jump it does not."""
THROTTLED_S = 0.1
"""Quotas are counted in periods of 0.1 s: one that was cut short may have hit any trial."""

REJECTED = 0.1
"""Share of a block's trials: with more of them invalid the whole block was disturbed."""
PERSISTENT = 2
"""Blocks that left a cell invalid after their re-runs before no further block is re-run for it: in one, the machine may have
been disturbed for longer than two attempts take."""

LimitsOf = Callable[[Trial], Limits]
Key = tuple[str, str, str]


def cell_of(trial: Trial) -> Key:
    """Stack, scenario and load of a trial."""
    return trial.stack, trial.scenario, str(trial.load)


def invalid(outcomes: Iterable[Outcome], limits_of: LimitsOf) -> dict[Key, str]:
    """Return the cells of a block that are invalid, with the reason."""
    verdicts = ((outcome.trial, judge(outcome, limits_of(outcome.trial))) for outcome in outcomes)
    return {cell_of(trial): verdict.reason for trial, verdict in verdicts if verdict.result == "invalid"}


@dataclass
class Persistent:
    """Cells that re-runs do not help."""

    _blocks: dict[Key, set[int]] = field(default_factory=lambda: defaultdict(set))

    def note(self, block: Block, invalid: Iterable[Key]) -> None:
        """Take down what an attempt left invalid; only re-runs count."""
        if block.attempt:
            for cell in invalid:
                self._blocks[cell].add(block.block)

    def without(self, invalid: Mapping[Key, str]) -> dict[Key, str]:
        """Return those of the invalid cells that a re-run may still help."""
        return {cell: reason for cell, reason in invalid.items() if len(self._blocks[cell]) < PERSISTENT}


def unmeasured(
    blocks: Iterable[int],
    outcomes: Iterable[Outcome],
    trials_per_block: int,
    records: Sequence[Block] = (),
    reruns: int = 0,
) -> list[tuple[int, int]]:
    """Return (block, attempt to make) of the blocks that no attempt measured whole, or of which a noisy one is to be re-run.

    An attempt without a record was killed before it was known whether the machine was quiet.
    """
    sizes = Counter((outcome.trial.block, outcome.trial.attempt) for outcome in outcomes)
    found = []
    for number in blocks:
        recorded = [record for record in records if record.block == number]
        to_rerun = [record for record in recorded[:reruns] if record.noise]
        if not any(sizes[number, one.attempt] == trials_per_block for one in recorded if one not in to_rerun):
            found.append((number, max((one for block, one in sizes if block == number), default=-1) + 1))
    return found


def disturbance(block: Block, others: Sequence[Block]) -> str:
    """Return what disturbed the machine during a block; empty if nothing did."""
    if (block.throttled_s or 0) > THROTTLED_S:
        return f"A CPU quota kept the lab from running for {block.throttled_s:.1f} s."
    return speed_changed(block, others)


def rejected(invalid: Mapping[Key, str], trials: int, spares: bool) -> str:
    """Return why a block is re-run for its invalid cells; empty if it is not.

    A run that can add blocks adds one where a cell falls short of them (`ratios`), instead of giving up a block for a
    single trial; only where many were disturbed it was the whole block. A run without re-runs has planned blocks to spare.
    """
    if not invalid or (spares and len(invalid) <= REJECTED * trials):
        return ""
    cell, reason = next(iter(invalid.items()))
    return f"{len(invalid)} of {trials} trials are invalid, the first: {' '.join(cell)}: {reason}"


def speed_changed(block: Block, others: Sequence[Block]) -> str:
    """Return how the reference workload shows a disturbed machine; empty if it does not. The first block's own times are its usual."""
    known = [
        value for one in (*others[-BLOCKS_BEFORE:], block) for value in (one.reference_before_s, one.reference_after_s)
    ]
    usual = statistics.median(known)
    worst = max((block.reference_before_s, block.reference_after_s), key=lambda value: abs(value / usual - 1))
    if abs(worst / usual - 1) <= REFERENCE_OFF:
        return ""
    return f"The reference workload took {worst * 1e3:.2f} ms instead of {usual * 1e3:.2f} ms: the machine's speed changed."


@dataclass(frozen=True)
class Ratios:
    """The ratios that a report says first of each scenario and load, and which of them more blocks would improve."""

    number: int
    wide: list[str]
    precision: float

    def __str__(self) -> str:
        """Return why no more blocks are needed."""
        if not self.number:
            return "no two arms have a valid block in common, so there is no ratio that more blocks would improve"
        return f"each of the {self.number} ratios that this run has is known to {self.precision * 100:g} %"


def ratios(outcomes: Iterable[Outcome], limits_of: LimitsOf, stacks: Sequence[Stack], precision: float) -> Ratios:
    """Return the ratios of a run so far: stacks beside the baseline, and contrasts.

    Throughput in closed load is wide where its interval reaches further than `precision` from it; every ratio is with too
    few undisturbed blocks for any claim. Ratios of cells that are not valid are not counted: more blocks do not help them,
    except where a cell has failed in one block only and more of them would say whether that was the stack.
    """
    trials = summary.judged(outcomes, limits_of)
    base = baseline(stacks).name
    found = pairs(summary.observations(trials, summary.cells(trials)), base, differences(stacks, base))
    told = [pair for pair in found if pair.metric == ("rps" if _is_closed(pair) else "p99_ms")]
    wanting = [
        f"{pair.stack}{'' if pair.baseline == base else f' against {pair.baseline}'} {pair.scenario} {pair.load}"
        for family in families(told)
        for pair in family
        if len(pair.log_ratios) < MIN_BLOCKS
        or (_is_closed(pair) and not pair.is_aa and is_wide(pair, family, precision))
    ]
    return Ratios(sum(not pair.is_aa for pair in told), [*wanting, *_undecided(trials)], precision)


def _undecided(trials: Iterable[summary.Judged]) -> list[str]:
    cells: dict[Key, list[Verdict]] = defaultdict(list)
    for judged in trials:
        cells[cell_of(judged.trial)].append(judged.verdict)
    return [" ".join(cell) for cell, verdicts in cells.items() if is_undecided(verdicts, MIN_BLOCKS)]


def _is_closed(pair: Pair) -> bool:
    return pair.load.startswith("closed")
