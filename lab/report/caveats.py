"""What a reader must know before believing a run: that it is partial, its budgets unequal, its blocks noisy, its files damaged."""

from collections import Counter
from collections.abc import Iterator, Sequence

from lab.analysis.comparison.paired import MIN_BLOCKS
from lab.analysis.comparison.rows import Comparison
from lab.model.outcome import Block
from lab.model.stack import NOT_OPTIMIZED
from lab.report import words
from lab.report.view import View

CHANCE = 0.05
"""Share of A/A comparisons that chance alone makes different: every verdict takes it."""


def warnings(view: View) -> Iterator[str]:
    """Yield one sentence for each."""
    run = view.run
    yield from _partial(view)
    for sentences in run.facts.get("unequal", {}).values():
        yield from (f"Not as declared: {sentence}." for sentence in sentences)
    plan = run.facts.get("cpu_plan", {})
    if both := sorted(set(plan.get("server", ())) & set(plan.get("others", ()))):
        yield (
            f"Server and generator shared CPU {', '.join(map(str, both))}: each took time from the other, and more from a faster "
            "stack. Compare the stacks of this run with each other alone."
        )
    if again := len(run.outcomes) - len(view.measured):
        yield f"{again} trials of interrupted or noisy blocks were measured again; the last whole attempt counts."
    yield from noisy_blocks(run.blocks)
    if run.cut_lines:
        yield f"{run.cut_lines} line(s) of the run's files were cut off by a kill and are left out."
    yield from run.damaged
    if (run.facts.get("git") or {}).get("dirty"):
        yield "The checkout had uncommitted changes: the recorded commit is not exactly what was measured."
    build = run.facts.get("machine", {}).get("python_build")
    if run.facts.get("runtime") == "process" and build == NOT_OPTIMIZED:
        yield f"The stacks ran on a Python that was built {NOT_OPTIMIZED}: one that was built with them is faster."
    yield from _different_from_itself(view)


def with_itself(view: View) -> list[Comparison]:
    """Return the comparisons of the baseline with its A/A arm, as far as they have the blocks for a verdict."""
    return [row for row in view.comparisons if row.is_aa and row.blocks >= MIN_BLOCKS]


def _different_from_itself(view: View) -> Iterator[str]:
    """Yield where the A/A arm differs: by a fault of the machine or the lab, or by the chance that every verdict takes."""
    rows = with_itself(view)
    found = [
        f"{row.scenario}, {words.load(row.load)}, {words.METRICS[row.metric]}, {words.ratio(row)}"
        for row in rows
        if row.verdict == "different"
    ]
    if found:
        yield (
            f"The baseline, measured twice, came out different from itself in {len(found)} of {len(rows)} comparisons: {'; '.join(found)}. "
            f"Distrust the verdicts on it there. By chance alone, {max(1, round(CHANCE * len(rows)))} may come out so."
        )


def _partial(view: View) -> Iterator[str]:
    """Yield why this is no whole run: some planned trial of a block did not end in any outcome, or it was stopped."""
    sizes = Counter(judged.trial.block for judged in view.measured)
    whole = view.run.facts.get("trials_per_block", max(sizes.values(), default=0))
    measured, planned = sum(size == whole for size in sizes.values()), view.run.profile.blocks
    if measured < planned or not view.run.facts.get("ended_at"):
        yield f"Partial run: {measured} of at least {planned} blocks were measured whole before it was stopped."


def noisy_blocks(blocks: Sequence[Block]) -> Iterator[str]:
    """Yield sentences on attempts at blocks, in the order in which they were made; none where all were quiet."""
    noisy = [block for block in blocks if block.noise]
    if not noisy:
        return
    yield f"{len(noisy)} of {len(blocks)} attempts at a block were noisy; the first: {noisy[0].noise}"
    last = {block.block: block for block in blocks}
    if kept := [str(number + 1) for number, block in sorted(last.items()) if block.noise]:
        named = f"block {kept[0]} counts" if len(kept) == 1 else f"blocks {', '.join(kept)} count"
        yield (
            f"Of {len(last)} block{'s' * (len(last) != 1)}, {named} although noisy, because no time or try was left. "
            "What was disturbed there is left out where enough is left."
        )
