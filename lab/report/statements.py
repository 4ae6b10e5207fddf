"""What a report says of the statements under test: the guideline and every verdict with its evidence."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from lab.answers.decide import CONFIDENCE, Answer, Weighed, rule
from lab.answers.estimate import SERVED, Estimate, Missing
from lab.model.experiment import Evidence, Verdict
from lab.report import page, words

ANSWERS = "What people say, and what was measured here"
GUIDELINE = "Should it be async?"
_TONES = {"supported": "better", "refuted": "worse"}
_METRICS = {**words.METRICS, "p50_ms": "median latency", "mean_ms": "mean latency", "us": "time"}
_VERDICTS = {"not_measured": "not measured"}
UNDECIDED = "not decided by this run"
_HELD: Mapping[Verdict, str] = {"supported": "held", "refuted": "did not hold", "inconclusive": UNDECIDED}
_ORDER = ("yes", "either", "it depends", "offload", "no")
"""What advice begins with, in the order of the table; anything else comes last."""


def sections(answers: Sequence[Answer]) -> Iterator[page.Section]:
    """Yield the guideline and the verdicts; nothing for a run that decides on no statement."""
    measured = [one for one in answers if one.verdict != "not_measured"]
    if guided := [one for one in measured if one.experiment.topic]:
        yield page.Section(GUIDELINE, (guideline(guided),))
    if measured:
        yield page.Section(ANSWERS, tuple(_verdicts(answers, measured)))


def lines(answers: Sequence[Answer]) -> Iterator[str]:
    """Yield every verdict for a terminal, with the effect that a reader asks for first."""
    if measured := [one for one in answers if one.verdict != "not_measured"]:
        yield f"{ANSWERS}:"
    for one in measured:
        yield f"{one.experiment.id}: {one.experiment.statement}"
        yield f"  {verdict(one)}. {told(one.headline)}."
    if measured and (rest := [one.experiment.id for one in answers if one not in measured]):
        yield f"Not measured in this run: {words.listed(rest)}."


def held(answers: Sequence[Answer]) -> str:
    """Return of how many kinds of work what is commonly said held; empty where the run decides on none."""
    answers = [one for one in answers if one.experiment.topic and one.verdict != "not_measured"]
    if not answers:
        return ""
    said_of = {
        said: [one.experiment.statement.rstrip(".") for one in answers if one.verdict == found]
        for found, said in _HELD.items()
    }
    kinds = [f"{len(several)} {said} ({'; '.join(several)})" for said, several in said_of.items() if several]
    things = f"{len(answers)} thing{'s' * (len(answers) != 1)} commonly said"
    return f"Of {things}, {words.listed(kinds)}."


def guideline(answers: Sequence[Answer]) -> page.Table:
    """Return a row for each topic: what follows, what was measured, what is commonly said; where async pays first."""
    titles = ("kind of work", "async?", "measured here", "commonly said", "which is")
    return page.Table(
        GUIDELINE,
        tuple(page.Head(title, numeric=False) for title in titles),
        tuple(
            page.row(
                one.experiment.topic,
                page.Text(advice(one), "", "strong"),
                told(one.headline),
                page.Text(one.experiment.statement, f"({one.experiment.claimed})"),
                page.Text(verdict(one), "", _TONES.get(one.verdict, "")),
            )
            for one in sorted(answers, key=_place)
        ),
        style="statements",
    )


def advice(answer: Answer) -> str:
    """Return what follows from a verdict; a run that is inconclusive advises nothing."""
    if answer.verdict == "inconclusive":
        return UNDECIDED
    return answer.experiment.advice.get(answer.verdict, words.NOTHING)


def _place(answer: Answer) -> tuple[int, str]:
    """Return where a topic stands: by the first word of its advice."""
    said = advice(answer)
    place = next((place for place, word in enumerate(_ORDER) if said.startswith(word)), len(_ORDER))
    return place, answer.experiment.topic


def _verdicts(answers: Sequence[Answer], measured: Sequence[Answer]) -> Iterator[page.Block]:
    yield page.Paragraph(
        "Each statement was written down with its hypothesis, its evidence and its rule before the run. "
        f"All deciding intervals of a statement hold together at {CONFIDENCE * 100:.0f} %."
    )
    heads = tuple(page.Head(title, numeric=False) for title in ("statement", "verdict", "effect"))
    rows = (
        page.row(
            page.Text(one.experiment.statement, f"claimed: {one.experiment.claimed}"),
            page.Text(verdict(one), "", _TONES.get(one.verdict, "")),
            told(one.headline),
        )
        for one in measured
    )
    yield page.Table(ANSWERS, heads, tuple(rows), style="statements")
    if rest := [one.experiment.id for one in answers if one not in measured]:
        yield page.Paragraph(f"Not measured in this run: {words.listed(rest)}.", "soft")
    yield page.Details("The evidence and the rule of each statement", tuple(_evidence(measured)))


def _evidence(answers: Sequence[Answer]) -> Iterator[page.Block]:
    for one in answers:
        experiment = one.experiment
        yield page.Paragraph(f"{experiment.id}: {experiment.hypothesis}. {rule(experiment)}")
        yield page.Bullets(tuple(page.Item(f"{told(weighed)}.", _LEADS[weighed.finding]) for weighed in one.weighed))


_LEADS = {"holds": "Holds", "fails": "Does not hold", "open": "Open", "missing": "Not measured", "told": "Beside it"}


def verdict(answer: Answer) -> str:
    """Return a verdict in words: of what was claimed to lie between two figures, also whether it is more or less."""
    said = _VERDICTS.get(answer.verdict, answer.verdict)
    evidence, found = answer.headline.evidence, answer.headline.estimate
    if answer.verdict != "refuted" or isinstance(found, Missing) or evidence.metric == SERVED:
        return said
    if evidence.above is None or evidence.below is None:
        return said
    return f"{said}: {'more' if found.value > evidence.below else 'less'} than claimed"


def told(one: Weighed) -> str:
    """Return a piece of evidence as a sentence without its full stop: what, where, the estimate with its interval."""
    evidence, found = one.evidence, one.estimate
    what = f"{evidence.says[:1].upper()}{evidence.says[1:]}{_where(evidence)}"
    if isinstance(found, Missing):
        return f"{what}: {found.reason}".removesuffix(".")
    forecast = "" if one.forecast is None else f"forecast {words.times(one.forecast)}, measured "
    return f"{what}: {forecast}{_amount(evidence, found)}"


def _where(evidence: Evidence) -> str:
    """Return scenario and load, where both sides have the same."""
    sides = [side for side in evidence.read if not side.step]
    scenarios = {side.part or side.scenario for side in sides}
    loads = {str(side.load) for side in sides}
    scenario = f", {scenarios.pop()}" if len(scenarios) == 1 and not any(side.part for side in sides) else ""
    return f"{scenario} at {words.load(loads.pop())}" if len(loads) == 1 else scenario


def _amount(evidence: Evidence, found: Estimate) -> str:
    if evidence.is_ratio:
        return f"{words.times(found.value)} times the {_METRICS.get(evidence.metric, evidence.metric)}{_range(found, words.times)}"
    unit = evidence.unit or words.NOTHING
    return f"{words.number(found.value)} {unit}{_range(found, words.number)}"


def _range(found: Estimate, write: Callable[[float], str]) -> str:
    return "" if found.lo == found.hi else f" ({write(found.lo)} to {write(found.hi)})"
