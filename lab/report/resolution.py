"""Minimum detectable differences of a run, one sentence per metric and kind of load: they differ by a factor of ten."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from lab.analysis.comparison.paired import MIN_BLOCKS
from lab.analysis.comparison.rows import Comparison
from lab.report import words
from lab.report.section import Section, headline


def sentences(sections: Iterable[Section], *, headlines: bool) -> list[str]:
    """Return the sentences of the metrics that decide under their kind of load, or of all the others."""
    rows = [row for section in sections for row in (*section.comparisons, *section.aa)]
    if not rows:
        return ["This run has no pair to compare."] if headlines else []
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for row in rows:
        if (row.metric == headline(row.load)) == headlines:
            groups.setdefault((row.metric, row.load.partition(":")[0]), []).append(row)
    return list(_sentences(groups))


def _sentences(groups: dict[tuple[str, str], list[Comparison]]) -> Iterator[str]:
    for (metric, kind), rows in groups.items():
        name = words.METRICS[metric]
        yield f"{name[0].upper()}{name[1:]} under {kind} load: {_detectable(rows)}."


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
