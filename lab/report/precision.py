"""How precise a run is: how narrow its ratios have become beside what the profile asked for, and what differences it detects.

Minimum detectable differences have one sentence per metric and kind of load: they differ by a factor of ten.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, expm1, inf, log1p
from statistics import median

from lab.analysis.comparison.paired import MIN_BLOCKS
from lab.analysis.comparison.rows import Comparison
from lab.model.loads import Load
from lab.report import words
from lab.report.read import Run
from lab.report.section import Section, headline

NAMED = 14
"""So many ratios are named; a run of many stacks has its others in the tables."""


@dataclass(frozen=True)
class _Ratio:
    """One that the stopping rule asks for: a stack beside the baseline, or a contrast without it."""

    name: str
    row: Comparison | None
    lacks: str
    """Why there is no row."""

    @property
    def half(self) -> float:
        """Half of the adjusted interval of the log ratio; infinite where there is none."""
        return inf if self.row is None or self.row.adjusted_half is None else self.row.adjusted_half


def sentences(run: Run, sections: Sequence[Section]) -> Iterator[str]:
    """Say how many ratios met the profile's target, which missed it, why there are no more blocks; nothing without a target."""
    target = run.profile.precision
    if target is None:
        return
    closed = [ratio for section in sections if section.metric == "rps" for ratio in _ratios(section)]
    yield from _throughput(closed, target) if closed else ["Precision: this run has no throughput ratio (closed load)."]
    if stopped := run.facts.get("stopped"):
        yield f"There are no more blocks because {stopped}."
    halves = [ratio.half for section in sections if section.metric != "rps" for ratio in _ratios(section)]
    if known := [expm1(half) for half in halves if half < inf]:
        yield (
            f"Ratios of the p99 (open load) have no target: {len(known)} of {len(halves)} are known, "
            f"to {words.percent(median(known))} (median), the widest to {words.percent(max(known))}."
        )


def _throughput(closed: Sequence[_Ratio], target: float) -> Iterator[str]:
    missed = sorted((one for one in closed if one.half > log1p(target)), key=lambda one: one.half, reverse=True)
    yield (
        f"Precision: {len(closed) - len(missed)} of {len(closed)} throughput ratios (closed load) are known to "
        f"{words.percent(target)} or better."
    )
    if missed:
        more = f"; and {len(missed) - NAMED} more" if len(missed) > NAMED else ""
        yield f"Missed, the widest first: {'; '.join(_missed(one, target) for one in missed[:NAMED])}{more}."


def _ratios(section: Section) -> Iterator[_Ratio]:
    """Yield what is to be compared, whether it could be or not."""
    for line in (line for line in section.lines if line.base is not line.cell):
        yield _Ratio(f"{line.cell.stack} {line.cell.scenario} {line.cell.load}", line.against, line.answer.text)
    beside = [line.against for line in section.lines]
    for row in (row for row in section.comparisons if row.metric == section.metric and row not in beside):
        yield _Ratio(f"{row.stack} against {row.baseline} {row.scenario} {row.load}", row, "too few blocks")


def _missed(ratio: _Ratio, target: float) -> str:
    if ratio.row is None or ratio.half == inf:
        return f"{ratio.name} ({ratio.lacks})"
    blocks = ceil(ratio.row.blocks * (ratio.half / log1p(target)) ** 2)
    return f"{ratio.name} (known to {words.percent(expm1(ratio.half))}; at this spread about {blocks} blocks would do)"


def detectable(sections: Iterable[Section], *, headlines: bool) -> list[str]:
    """Return the sentences of the metrics that decide under their kind of load, or of all the others."""
    rows = [row for section in sections for row in (*section.comparisons, *section.aa)]
    if not rows:
        return ["This run has no pair to compare."] if headlines else []
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for row in rows:
        if (row.metric == headline(row.load)) == headlines:
            load = Load.model_validate(row.load)
            groups.setdefault((row.metric, words.modified(words.LOADS[load.family], load)), []).append(row)
    return [
        f"{words.METRICS[metric][0].upper()}{words.METRICS[metric][1:]} under {loads}: {_detectable(rows)}."
        for (metric, loads), rows in groups.items()
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
