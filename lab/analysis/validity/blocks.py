"""What a cell counts as, and what must be said of it, from the verdicts of its blocks."""

from collections import Counter
from collections.abc import Iterator, Sequence

from lab.analysis.validity.causes import Cause, Result
from lab.analysis.validity.notes import said
from lab.analysis.validity.verdict import Verdict


def outcome_of(verdicts: Sequence[Verdict], enough: int) -> tuple[Result, str]:
    """Return the result of a cell and its reason: one failed block fails it, unless that is `excused`.

    A block in which the machine disturbed the trial is left out, which chooses blocks by the machine and not by what the
    stack did in them, as a re-run does. The cell is invalid where most were lost, or where the lab itself was wrong; how
    many blocks a claim needs is the comparison's business.
    """
    failed = [verdict for verdict in verdicts if verdict.result == "failed"]
    if failed and not excused(verdicts, enough):
        return "failed", _of_blocks(failed, len(verdicts))
    lost = [verdict for verdict in verdicts if verdict.result == "invalid"]
    if not lost:
        return "valid", ""
    passing = all(verdict.cause is not None and verdict.cause.passing for verdict in lost)
    if passing and 2 * len(lost) < len(verdicts):
        return "valid", "left out " + _of_blocks(lost, len(verdicts))
    return "invalid", _of_blocks(lost, len(verdicts))


def excused(verdicts: Sequence[Verdict], enough: int) -> list[Verdict]:
    """Return the failures of a cell that are not known to be the stack's, where they are all of them; else none.

    No counter shows every disturbance, and the block is the unit of replication: what one block shows and `enough` valid ones
    do not is lone. A share is of one trial's throughput, so it is too much where that was high by chance or the machine slower
    afterwards: what most blocks keep up with is not too much for the stack. Such blocks stay in every figure, since blocks are
    never chosen by what the stack did in them.
    """
    over, rest = _over_capacity(verdicts), _rest(verdicts)
    return [*over, *rest] if not rest or (_is_passing(rest) and _valid(verdicts) >= enough) else []


def is_undecided(verdicts: Sequence[Verdict], enough: int) -> bool:
    """Return whether more blocks would say if a failure of the cell is lone."""
    return _valid(verdicts) < enough and _is_passing(_rest(verdicts))


def _valid(verdicts: Sequence[Verdict]) -> int:
    return sum(verdict.result == "valid" for verdict in verdicts)


def _over_capacity(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the failures at a share that was too much, where most of the measured blocks kept up with it."""
    over = [verdict for verdict in verdicts if verdict.cause is Cause.OVER_CAPACITY]
    measured = sum(verdict.result != "invalid" for verdict in verdicts)
    return over if 2 * len(over) < measured else []


def _rest(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the other failures."""
    over = _over_capacity(verdicts)
    return [verdict for verdict in verdicts if verdict.result == "failed" and verdict not in over]


def _is_passing(failed: Sequence[Verdict]) -> bool:
    """Return whether there is one failure, and time can cause it."""
    return len(failed) == 1 and failed[0].cause is not None and failed[0].cause.passing


def notes_of(verdicts: Sequence[Verdict], enough: int) -> Iterator[str]:
    """Yield what must be said of a cell beside its outcome, one sentence each."""
    failures = excused(verdicts, enough)
    if over := [failure for failure in failures if failure in _over_capacity(verdicts)]:
        yield (
            f"{_of_blocks(over, len(verdicts))} Most blocks kept up with this share: the closed trial before may have been fast "
            "by chance, or the machine slower after it. These blocks count in every figure."
        )
    for failure in (failure for failure in failures if failure not in over):
        yield (
            f"1 of {len(verdicts)} blocks failed: {failure.reason} No other block shows it and no counter a disturbance: "
            "this is not known to be the stack's fault. The block counts in every figure."
        )
    yield from _further(verdicts)
    yield from said([verdict.notes for verdict in verdicts if verdict.result != "invalid"])


def _further(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield the further objections, where another one decided, once for each cause."""
    found = [objection for verdict in verdicts for objection in verdict.objections[1:]]
    for cause, count in Counter(objection.cause for objection in found).items():
        first = next(objection.sentence for objection in found if objection.cause is cause)
        yield f"Beside the reason, in {count} of {len(verdicts)} blocks: {first}"


def _of_blocks(verdicts: Sequence[Verdict], blocks: int) -> str:
    """Return the most frequent reason, and in how many blocks there was one."""
    reason = Counter(verdict.reason for verdict in verdicts).most_common(1)[0][0]
    return reason if blocks == 1 else f"{len(verdicts)} of {blocks} blocks: {reason}"
