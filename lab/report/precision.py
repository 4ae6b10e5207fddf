"""How narrow the intervals of the headline ratios have become, beside what the profile asked for."""

from collections.abc import Iterable, Iterator
from math import ceil, inf, log, log1p

from lab.compare.rows import Comparison
from lab.report import words
from lab.report.read import Run


def sentence(run: Run, comparisons: Iterable[Comparison]) -> str:
    """Which ratios missed the profile's target, and why there are no more blocks; empty where there is no target."""
    return " ".join(_sentences(run, comparisons))


def _sentences(run: Run, comparisons: Iterable[Comparison]) -> Iterator[str]:
    target = run.profile.precision
    if target is None:
        return
    ratios = [row for row in comparisons if row.metric == "rps" and row.load.startswith("closed:") and not row.is_aa]
    missed = sorted((row for row in ratios if half_width(row) > log1p(target)), key=half_width, reverse=True)
    yield (
        f"Precision: {len(ratios) - len(missed)} of {len(ratios)} throughput ratios (closed load) are known to "
        f"{words.percent(target)} or better."
    )
    if missed:
        yield f"Missed: {'; '.join(_missed(row, target) for row in missed)}."
    if stopped := run.facts.get("stopped"):
        yield f"There are no more blocks because {stopped}."


def half_width(row: Comparison) -> float:
    """Half of the interval of the log ratio; without end where there is none."""
    return inf if row.lo is None or row.hi is None else log(row.hi / row.lo) / 2


def _missed(row: Comparison, target: float) -> str:
    named = f"{row.stack} {row.scenario} {row.load}"
    half = half_width(row)
    if half == inf:
        return f"{named} (no interval)"
    blocks = ceil(row.blocks * (half / log1p(target)) ** 2)
    return f"{named} (known to {words.percent(half)}; at this spread about {blocks} blocks would do)"
