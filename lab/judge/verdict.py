"""The verdict on one trial."""

from dataclasses import dataclass

from lab.judge.bounds import Setting, bound_by
from lab.judge.causes import Cause, Result
from lab.judge.checks import CHECKS, unexpected_errors
from lab.nouns import Failure, Outcome, Sample


@dataclass(frozen=True)
class Verdict:
    """What a trial counts as; `bound_by` is empty where nothing was measured."""

    result: Result
    reason: str = ""
    bound_by: str = ""
    cause: Cause | None = None


def judge(outcome: Outcome, setting: Setting) -> Verdict:
    """One trial's verdict. A Failure is the stack's, unless it says that it is the lab's."""
    if isinstance(outcome, Failure):
        cause = Cause.LAB if outcome.lab_fault else Cause.NO_TRIAL
        return Verdict(cause.result, _sentence(outcome.reason, cause), cause=cause)
    bound = bound_by(outcome, setting)
    for cause, check in CHECKS:
        if what := check(outcome, setting):
            return Verdict(cause.result, _sentence(what, cause), bound, cause)
    return Verdict("valid", bound_by=bound)


def unanswered(sample: Sample, expected: frozenset[str] = frozenset()) -> int:
    """Requests of the window that erred unexpectedly, were dropped or stayed unfinished."""
    return unexpected_errors(sample, expected) + sample.driven.dropped


def _sentence(what: str, cause: Cause) -> str:
    return f"{what.rstrip('. ')}; {cause.advice}."
