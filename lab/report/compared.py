"""Two runs beside each other, cell by cell and ratio by ratio, as sentences, a page and a verdict for CI."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lab.analysis import summary
from lab.analysis.between.changes import CONFIDENCE, Change, changes, quantities, unspread
from lab.analysis.between.spread import Spreads
from lab.analysis.comparison.contrasts import differences
from lab.errors import LabError
from lab.report import held, page, words
from lab.report.alike import refuse_unlike
from lab.report.matrix import UNITS
from lab.report.section import headline
from lab.report.view import View

_CONDITION = re.compile(r"\s*(?P<metric>\w+)\s*(?P<sign>[<>])\s*(?P<limit>[+-]?\d+(?:\.\d+)?)\s*%\s*", re.ASCII)
_METRICS = {name: name for name in words.METRICS} | {"throughput": "rps", "p99": "p99_ms", "cpu": "cpu_us_per_request"}
_LABELS = {"different": "differs", "equivalent": "agrees", "inconclusive": "inconclusive"}


@dataclass(frozen=True)
class Compared:
    """Two runs and what changed between them."""

    first: View
    second: View
    cells: tuple[Change, ...]
    ratios: tuple[Change, ...]
    """To the baseline, and of contrasts."""
    unknown: tuple[tuple[str, str], ...]
    """Kinds and metrics whose spread between whole runs is not known: their intervals are too narrow."""

    @property
    def shown(self) -> tuple[Change, ...]:
        """Return the changes that a verdict is about: those of cells, or across machines those of ratios."""
        return self.cells or self.ratios


def compared(first: View, second: View, spreads: Spreads, *, across: bool = False) -> Compared:
    """Compare two runs.

    Raises:
        LabError: they may not be compared.
    """
    refuse_unlike(first.run, second.run, across=across)
    runtime = str(first.run.facts.get("runtime"))
    baseline = first.run.baseline
    logs, others = (
        quantities(summary.observations(view.trials, view.all_cells), baseline, differences(view.run.stacks, baseline))
        for view in (first, second)
    )
    found = [one for one in changes(logs, others, spreads, runtime) if one.quantity.metric in _headlines(one)]
    cells = [] if across else [one for one in found if one.quantity.kind == "cell"]
    ratios = [one for one in found if one.quantity.kind == "ratio"]
    lacking = unspread((one.quantity for one in (*cells, *ratios)), spreads, runtime)
    return Compared(first, second, tuple(cells), tuple(ratios), tuple(sorted(lacking)))


def _headlines(change: Change) -> tuple[str, ...]:
    """Return what is compared under a load: what decides there, and CPU time wherever throughput does."""
    metric = headline(change.quantity.load)
    return (metric, "cpu_us_per_request") if metric == "rps" else (metric,)


def failing(found: Sequence[Change], condition: str) -> list[Change]:
    """Return the changes that meet a condition such as `rps < -5%`: beyond the limit, and no noise.

    Raises:
        LabError: it is no condition.
    """
    match = _CONDITION.fullmatch(condition)
    if match is None or match["metric"] not in _METRICS:
        raise LabError(
            f"{condition!r} is no condition: write one such as 'rps < -5%'; metrics are {', '.join(_METRICS)}."
        )
    metric, limit, less = _METRICS[match["metric"]], float(match["limit"]), match["sign"] == "<"
    return [
        one
        for one in found
        if one.quantity.metric == metric
        and one.verdict == "different"
        and (one.percent < limit if less else one.percent > limit)
    ]


def sentences(found: Compared) -> Iterator[page.Item]:
    """Yield what a reader wants first: how many agree, which differ, and what limits the answer."""
    for name, of in (("cells", found.cells), ("ratios inside each run", found.ratios)):
        if of:
            counts = Counter(_LABELS[one.verdict] for one in of)
            told = ", ".join(f"{counts[label]} {verb}" for label, verb in _COUNTED.items())
            yield page.Item(f"{told}.", f"Of {len(of)} {name}")
    for one in sorted(found.shown, key=lambda one: -abs(one.percent)):
        if one.verdict == "different":
            yield page.Item(f"{told_of(one)}.", about=_about(one))
    if found.unknown:
        which = words.listed([f"{words.METRICS[metric]} ({kind}s)" for kind, metric in found.unknown])
        yield page.Item(
            f"How far whole runs lie apart was not measured for {which} in this runtime: these intervals hold the spread of blocks alone, "
            "and are too narrow.",
            style="soft",
        )


_COUNTED = {"agrees": "agree within the margin", "differs": "differ", "inconclusive": "are inconclusive"}


def told_of(one: Change) -> str:
    """Return a change as a sentence without its full stop."""
    quantity = one.quantity
    where = f"{quantity.names}, {quantity.scenario} at {words.load(quantity.load)}"
    return f"{where}: {words.times(one.ratio)} times the {words.METRICS[quantity.metric]} ({words.times(one.lo)} to {words.times(one.hi)})"


def _about(one: Change) -> page.About:
    quantity = one.quantity
    return page.About((quantity.stack,), (quantity.scenario,), (quantity.load,), (quantity.metric,))


def as_page(found: Compared) -> page.Page:
    """Return the comparison as a page."""
    first, second = found.first.run, found.second.run
    intro = (
        page.Paragraph(
            f"What changed from {first.name} to {second.name}: the second over the first, with {CONFIDENCE * 100:.0f} % intervals "
            "that hold the spread of blocks and that of whole runs. A change within the margin (5 %; of a p99 10 %) agrees.",
            "soft",
        ),
        page.Bullets(tuple(sentences(found)), "findings"),
    )
    findings = page.Heading(held.TITLE, 2), page.Bullets(tuple(held.sentences(found.first, found.second)))
    tables = {"Ratios inside each run": found.ratios, "Cells": found.cells}
    sections = tuple(page.Section(title, (_table(title, of),)) for title, of in tables.items() if of)
    changed = (*found.cells, *found.ratios)
    choices = page.About(
        *(
            tuple(dict.fromkeys(getattr(one.quantity, name) for one in changed))
            for name in ("stack", "scenario", "load", "metric")
        )
    )
    name, title = f"{first.name} {second.name}", f"{second.name} beside {first.name}"
    return page.Page(name, title, (*intro, *findings), sections, choices)


def _table(title: str, of: Sequence[Change]) -> page.Table:
    texts = ("scenario", "load", "stack", "metric")
    heads = (
        *(page.Head(text, numeric=False) for text in texts),
        page.Head("first run"),
        page.Head("second run"),
        page.Head("second over first", f"{CONFIDENCE * 100:.0f} % interval"),
        page.Head("verdict", numeric=False),
    )
    return page.Table(title, heads, tuple(map(_row, of)))


def _row(one: Change) -> page.Row:
    quantity = one.quantity
    tones: Mapping[str, str] = {"different": "worse", "equivalent": "better"}
    return page.row(
        quantity.scenario,
        words.load(quantity.load),
        quantity.names,
        words.METRICS[quantity.metric],
        *(page.Text(_amount(one, value), value=value) for value in (one.first, one.second)),
        page.Text(words.times(one.ratio), f"({words.times(one.lo)} to {words.times(one.hi)})", value=one.ratio),
        page.Text(_LABELS[one.verdict], "", tones.get(one.verdict, "")),
        about=_about(one),
    )


def _amount(one: Change, value: float) -> str:
    if one.quantity.kind == "ratio":
        return f"{words.times(value)} x"
    return f"{words.number(value)} {UNITS[one.quantity.metric]}"
