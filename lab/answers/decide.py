"""The one decision rule: an interval inside the claimed range supports a statement, one outside of it refutes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from lab.analysis.comparison.rows import MARGIN
from lab.answers.estimate import Estimate, Missing, Reader, estimate, forecast
from lab.model.experiment import Evidence, Experiment, Verdict

CONFIDENCE = 0.95
"""Of all deciding intervals of one experiment together (Bonferroni)."""
Finding = Literal["holds", "fails", "open", "missing", "told"]
"""What one piece of evidence says: `open` is an interval that reaches beyond an end of the range, `told` one that does not decide."""


_SAID: Mapping[str, Verdict] = {"holds": "supported", "fails": "refuted"}


@dataclass(frozen=True)
class Weighed:
    """One piece of evidence with its estimate, and what it says."""

    evidence: Evidence
    """With the range that a forecast gave it, where there is one."""
    estimate: Estimate | Missing
    finding: Finding
    forecast: float | None = None


@dataclass(frozen=True)
class Answer:
    """A statement with its verdict and all evidence."""

    experiment: Experiment
    verdict: Verdict
    weighed: tuple[Weighed, ...]

    @property
    def headline(self) -> Weighed:
        """Return the evidence that a reader sees first: the first that decides as the verdict says, else the first of all."""
        wanted = {"supported": "holds", "refuted": "fails", "inconclusive": "open", "not_measured": "missing"}
        found = (one for one in self.weighed if one.finding == wanted[self.verdict])
        return next(found, self.weighed[0])


def decided(experiment: Experiment, material: Reader) -> Answer:
    """Return the verdict on a statement."""
    deciding = sum(one.decides for one in experiment.evidence)
    confidence = 1 - (1 - CONFIDENCE) / deciding
    weighed = tuple(_weighed(one, material, confidence) for one in experiment.evidence)
    return Answer(experiment, verdict(experiment, weighed), weighed)


def _weighed(evidence: Evidence, material: Reader, confidence: float) -> Weighed:
    found = estimate(evidence, material, confidence)
    if evidence.profiled is None:
        return Weighed(evidence, found, finding(evidence, found))
    expected = forecast(evidence, material)
    if isinstance(expected, Missing):
        return Weighed(evidence, expected, finding(evidence, expected))
    ranged = evidence.model_copy(update=_range_of_winner(expected))
    return Weighed(ranged, found, finding(ranged, found), expected)


def _range_of_winner(ratio: float) -> dict[str, float]:
    """Return the range in which a ratio of throughputs has the same winner, or none, by the margin of comparisons."""
    more = 1 + MARGIN["rps"]
    if ratio > more:
        return {"above": more}
    return {"below": 1 / more} if ratio < 1 / more else {"above": 1 / more, "below": more}


def finding(evidence: Evidence, found: Estimate | Missing) -> Finding:
    """Return what an estimate says of its range."""
    if not evidence.decides:
        return "told"
    if isinstance(found, Missing):
        return "open" if found.was_asked else "missing"
    above = -inf if evidence.above is None else evidence.above
    below = inf if evidence.below is None else evidence.below
    if above <= found.lo and found.hi <= below:
        return "holds"
    return "fails" if found.hi < above or found.lo > below else "open"


def verdict(experiment: Experiment, weighed: Sequence[Weighed]) -> Verdict:
    """Return what all pieces of evidence say together.

    Where all must hold, one that fails refutes; where one is enough, all must fail. What is missing leaves the statement not
    measured, unless the rest decides without it.
    """
    seen = [one.finding for one in weighed if one.finding != "told"]
    settles, otherwise = ("fails", "holds") if experiment.needs == "all" else ("holds", "fails")
    if settles in seen:
        return _SAID[settles]
    if "missing" in seen:
        return "not_measured"
    return _SAID[otherwise] if set(seen) == {otherwise} else "inconclusive"


def rule(experiment: Experiment) -> str:
    """Return the rule in words."""
    deciding = [one for one in experiment.evidence if one.decides]
    several = len(deciding) > 1
    ranges = list(dict.fromkeys(map(range_of, deciding)))
    where = f"{ranges[0]}" if len(ranges) == 1 else "in its own range"
    which = {"all": ("every interval lies", "one lies"), "any": ("one interval lies", "all lie")}[experiment.needs]
    holds, fails = which if several else ("the interval lies", "it lies")
    repeats = {"rounds of processes" if side.step else "blocks" for one in deciding for side in one.read}
    level = f"{CONFIDENCE * 100:.0f} % intervals over {' and '.join(sorted(repeats))}{f', Bonferroni over {len(deciding)}' if several else ''}"
    return f"Supported if {holds} {where}, refuted if {fails} outside of it, else inconclusive; {level}."


def range_of(evidence: Evidence) -> str:
    """Return the claimed range in words: `above 1.05`, `from 0.5 to 1 µs`; one of a forecast is known when that is made."""
    unit = f" {evidence.unit}" if evidence.unit else ""
    match evidence.above, evidence.below:
        case None, None:
            return "where the forecast has it"
        case above, None:
            return f"above {above:.3g}{unit}"
        case None, below:
            return f"below {below:.3g}{unit}"
        case above, below if above == below:
            return f"at {above:.3g}{unit}"
        case above, below:
            return f"from {above:.3g} to {below:.3g}{unit}"
