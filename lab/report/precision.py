"""How precise a run is: how narrow its ratios have become beside what the profile asked for, and what differences it detects.

Minimum detectable differences have one sentence per metric and kind of load: they differ by a factor of ten.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil, expm1, inf, log1p
from statistics import median

from lab.analysis.comparison.paired import MIN_BLOCKS
from lab.analysis.comparison.rows import Comparison
from lab.model.workload import Family, Load
from lab.report import words
from lab.report.read import Run
from lab.report.section import Line, Section, headline

NAMED = 14
"""So many ratios are named; a run of many stacks has its others in the tables."""


def sentences(run: Run, sections: Sequence[Section]) -> Iterator[str]:
    """Say how many ratios met the profile's target, which missed it, why there are no more blocks; nothing without a target."""
    target = run.profile.precision
    if target is None:
        return
    closed = [line for section in sections if section.metric == "rps" for line in _compared(section)]
    yield from _throughput(closed, target) if closed else ["Precision: this run has no throughput ratio (closed load)."]
    if stopped := run.facts.get("stopped"):
        yield f"There are no more blocks because {stopped}."
    halves = [
        half_width(line.against) for section in sections if section.metric != "rps" for line in _compared(section)
    ]
    if known := [expm1(half) for half in halves if half < inf]:
        yield (
            f"Ratios of the p99 (open load) have no target: {len(known)} of {len(halves)} are known, "
            f"to {words.percent(median(known))} (median), the widest to {words.percent(max(known))}."
        )


def _throughput(closed: list[Line], target: float) -> Iterator[str]:
    missed = [line for line in closed if half_width(line.against) > log1p(target)]
    missed.sort(key=lambda line: half_width(line.against), reverse=True)
    yield (
        f"Precision: {len(closed) - len(missed)} of {len(closed)} throughput ratios (closed load) are known to "
        f"{words.percent(target)} or better."
    )
    if missed:
        more = f"; and {len(missed) - NAMED} more" if len(missed) > NAMED else ""
        yield f"Missed, the widest first: {'; '.join(_missed(line, target) for line in missed[:NAMED])}{more}."


def _compared(section: Section) -> list[Line]:
    """Return the lines that are to be compared, whether they could be or not."""
    return [line for line in section.lines if line.base is not line.cell]


def half_width(row: Comparison | None) -> float:
    """Return half of the adjusted interval of the log ratio, as in the stopping rule; infinite where there is none."""
    return inf if row is None or row.adjusted_half is None else row.adjusted_half


def _missed(line: Line, target: float) -> str:
    named, row = f"{line.cell.stack} {line.cell.scenario} {line.cell.load}", line.against
    half = half_width(row)
    if row is None or half == inf:
        return f"{named} ({line.answer.text})"
    blocks = ceil(row.blocks * (half / log1p(target)) ** 2)
    return f"{named} (known to {words.percent(expm1(half))}; at this spread about {blocks} blocks would do)"


def detectable(sections: Iterable[Section], *, headlines: bool) -> list[str]:
    """Return the sentences of the metrics that decide under their kind of load, or of all the others."""
    rows = [row for section in sections for row in (*section.comparisons, *section.aa)]
    if not rows:
        return ["This run has no pair to compare."] if headlines else []
    groups: dict[tuple[str, Family], list[Comparison]] = {}
    for row in rows:
        if (row.metric == headline(row.load)) == headlines:
            groups.setdefault((row.metric, Load.model_validate(row.load).family), []).append(row)
    return [
        f"{words.METRICS[metric][0].upper()}{words.METRICS[metric][1:]} under {words.LOADS[family]}: {_detectable(rows)}."
        for (metric, family), rows in groups.items()
    ]


def _detectable(rows: Sequence[Comparison]) -> str:
    known = [row.mde for row in rows if row.mde is not None]
    if not known:
        most = max(row.blocks for row in rows)
        return f"no claim, since no pair has the {MIN_BLOCKS} common blocks that one needs (the most is {most})"
    if len(known) == 1:
        return f"the minimum detectable difference of its only pair is {words.percent(known[0])}"
    return (
        f"the minimum detectable difference is {words.percent(median(known))} (median of {len(known)} pairs; "
        f"{words.percent(min(known))} to {words.percent(max(known))})"
    )
