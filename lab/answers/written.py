"""answers.json: every statement with its verdict, effect, evidence and rule."""

from collections.abc import Iterable
from typing import Any

from lab.answers.decide import Answer, Weighed, range_of, rule
from lab.answers.estimate import Missing
from lab.model.experiment import Side

VERSION = 1


def document(answers: Iterable[Answer]) -> dict[str, Any]:
    """Return the content of answers.json."""
    return {"version": VERSION, "answers": [_answer(one) for one in answers]}


def _answer(answer: Answer) -> dict[str, Any]:
    experiment = answer.experiment
    return {
        "id": experiment.id,
        "statement": experiment.statement,
        "claimed": experiment.claimed,
        "hypothesis": experiment.hypothesis,
        "verdict": answer.verdict,
        "effect": _evidence(answer.headline),
        "evidence": [_evidence(one) for one in answer.weighed],
        "rule": rule(experiment),
    }


def _evidence(one: Weighed) -> dict[str, Any]:
    """Return a piece of evidence; without an estimate, the reason."""
    evidence, found = one.evidence, one.estimate
    what: dict[str, Any] = {
        "says": evidence.says,
        "metric": evidence.metric,
        "of": _side(evidence.of),
        "less": None if evidence.less is None else _side(evidence.less),
        "over": _side(evidence.over) if isinstance(evidence.over, Side) else evidence.over,
        "over_less": None if evidence.over_less is None else _side(evidence.over_less),
        "profiled": None if evidence.profiled is None else str(evidence.profiled),
        "unit": evidence.unit or ("times" if evidence.is_ratio else ""),
        "claimed_range": range_of(evidence) if evidence.decides else None,
        "forecast": one.forecast,
        "finding": one.finding,
    }
    if isinstance(found, Missing):
        return what | {"value": None, "lo": None, "hi": None, "repeats": None, "reason": found.reason}
    return what | {"value": found.value, "lo": found.lo, "hi": found.hi, "repeats": found.repeats}


def _side(side: Side) -> str:
    """Return where a figure was read, in words of the command line."""
    if side.step:
        return f"make micro: {side.step}"
    part = f", its {side.part}" if side.part else ""
    return f"{side.stack} {side.scenario} {side.load}{part}"
