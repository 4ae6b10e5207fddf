"""The verdict on one trial."""

from dataclasses import dataclass

from lab.analysis.validity.bounds import bound_by
from lab.analysis.validity.causes import Cause, Result
from lab.analysis.validity.limits import Limits
from lab.analysis.validity.notes import Note, noted
from lab.analysis.validity.objections import CHECKS
from lab.model.outcome import Failure, Outcome


@dataclass(frozen=True)
class Objection:
    """Why a trial is not valid, as a sentence."""

    cause: Cause
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """What a trial counts as; the first objection decides.

    `notes` change nothing of it and must still be said. `bound_by` is empty where nothing was measured.
    """

    bound_by: str = ""
    objections: tuple[Objection, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def cause(self) -> Cause | None:
        """Return the first objection's cause; None where there is none."""
        return self.objections[0].cause if self.objections else None

    @property
    def result(self) -> Result:
        return self.cause.result if self.cause else "valid"

    @property
    def reason(self) -> str:
        """Return the first objection as a sentence; empty where there is none."""
        return self.objections[0].sentence if self.objections else ""


def judge(outcome: Outcome, limits: Limits) -> Verdict:
    """Judge one trial. A Failure is the stack's, unless it says that it is the lab's."""
    if isinstance(outcome, Failure):
        return Verdict(objections=(_objection(_cause_of(outcome), outcome.reason),))
    found = ((cause, check(outcome, limits)) for cause, check in CHECKS)
    objections = tuple(_objection(cause, what) for cause, what in found if what)
    return Verdict(bound_by(outcome, limits), objections, noted(outcome, limits))


def _cause_of(failure: Failure) -> Cause:
    if failure.inherited and failure.inherited in Cause.__members__:  # a newer lab may have further ones
        return Cause[failure.inherited]
    if failure.lab_fault:
        return Cause.LAB
    return Cause.OFF_CONTRACT if failure.off_contract else Cause.NO_TRIAL


def _objection(cause: Cause, what: str) -> Objection:
    return Objection(cause, f"{what.rstrip('. ')}; {cause.advice}.")
