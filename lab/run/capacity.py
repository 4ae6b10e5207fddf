"""How much is offered at a share of capacity: the same arm's throughput in the same attempt at a block, under closed load."""

from datetime import UTC, datetime

from lab.analysis import stats
from lab.analysis.validity.verdict import judge
from lab.model.outcome import Failure, Outcome, Sample
from lab.model.workload import Trial
from lab.run.stopping import LimitsOf


def offered_rps(trial: Trial, closed: Outcome, limits_of: LimitsOf) -> float | Failure:
    """Return the requests per second of a share, or why there is no capacity to take it of.

    Such a trial counts as what the closed one counts as: nobody is blamed for a load that was never offered.

    Args:
        closed: what the same arm did in this attempt under the closed load that the share is taken of.
    """
    verdict = judge(closed, limits_of(closed.trial))
    if isinstance(closed, Sample) and verdict.result == "valid" and closed.driven.completed:
        return stats.rps(closed) * trial.load.amount / 100
    why = verdict.reason.removesuffix(f"; {verdict.cause.advice}.") if verdict.cause else "no response was correct"
    return Failure(
        trial=trial,
        started_at=datetime.now(UTC),
        reason=f"It was not measured, because {closed.trial.load} shows no capacity in this block: {why}",
        lab_fault=verdict.result != "failed",
        off_contract=isinstance(closed, Failure) and closed.off_contract,
        inherited=verdict.cause.name if verdict.cause else None,
    )
