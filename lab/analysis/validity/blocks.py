"""What a cell counts as, and what must be said of it, from the verdicts of its blocks."""

from collections import Counter
from collections.abc import Iterator, Sequence

from lab.analysis.validity.causes import Result
from lab.analysis.validity.notes import said
from lab.analysis.validity.verdict import Verdict
from lab.model.workload import Load


def outcome_of(verdicts: Sequence[Verdict], enough: int) -> tuple[Result, str]:
    """Return the result of a cell and its reason: one failed block fails it, unless that is `lone`.

    A block in which the machine disturbed the trial is left out, which chooses blocks by the machine and not by what the
    stack did in them, as a re-run does. The cell is invalid where most were lost, or where the lab itself was wrong; how
    many blocks a claim needs is the comparison's business.
    """
    failed = [verdict for verdict in verdicts if verdict.result == "failed"]
    if failed and not lone(verdicts, enough):
        return "failed", _of_blocks(failed, len(verdicts))
    lost = [verdict for verdict in verdicts if verdict.result == "invalid"]
    if not lost:
        return "valid", ""
    passing = all(verdict.cause is not None and verdict.cause.passing for verdict in lost)
    if passing and 2 * len(lost) < len(verdicts):
        return "valid", "left out " + _of_blocks(lost, len(verdicts))
    return "invalid", _of_blocks(lost, len(verdicts))


def to_clear(load: Load, enough: int) -> int:
    """Return how many valid blocks make a cell's only failure `lone`: as many as a claim needs.

    A share of capacity is offered by one trial's throughput. Where that was high by chance, or the machine is slower a second
    later, the rate is above the share. So one block in `enough` may fail by noise: of these the failed one counts as one.
    """
    return enough - 1 if load.is_share else enough


def lone(verdicts: Sequence[Verdict], enough: int) -> Verdict | None:
    """Return the only failure of a cell where time can cause it and `enough` valid blocks show nothing of it.

    No counter shows every disturbance, and the block is the unit of replication: what one block shows and no other is
    not known to be the stack's. It stays in every figure, since blocks are never chosen by what the stack did in them.
    """
    return None if _valid(verdicts) < enough else _only_failure(verdicts)


def is_undecided(verdicts: Sequence[Verdict], enough: int) -> bool:
    """Return whether more blocks would say if a cell's only failure is `lone`."""
    return _valid(verdicts) < enough and _only_failure(verdicts) is not None


def _valid(verdicts: Sequence[Verdict]) -> int:
    return sum(verdict.result == "valid" for verdict in verdicts)


def _only_failure(verdicts: Sequence[Verdict]) -> Verdict | None:
    failed = [verdict for verdict in verdicts if verdict.result == "failed"]
    return failed[0] if len(failed) == 1 and failed[0].cause and failed[0].cause.passing else None


def notes_of(verdicts: Sequence[Verdict], enough: int) -> Iterator[str]:
    """Yield what must be said of a cell beside its outcome, one sentence each."""
    if failure := lone(verdicts, enough):
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
