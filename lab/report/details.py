"""Rows of the charts that show every percentile and every second of a scenario under one load."""

from collections.abc import Iterator
from typing import Any

from lab.analysis import stats
from lab.analysis.summary import Judged
from lab.model.outcome import Sample
from lab.report import words
from lab.report.section import Section
from lab.report.view import View


def percentiles(view: View, section: Section) -> list[dict[str, Any]]:
    """Return the percentiles of each stack, as far as it has the requests for them."""
    return [
        {"stack": line.cell.stack, "percent": wanted.percent, "ms": ms, "latency": f"{words.number(ms)} ms"}
        for line in section.lines
        for wanted in stats.CURVE
        if (ms := stats.percentile_ms(view.samples(line.cell), lambda sample: sample.driven.latency, wanted))
        is not None
    ]


def seconds(view: View, section: Section) -> list[dict[str, Any]]:
    """Return the correct responses of each second of each block, and what happened in it."""
    return [row for line in section.lines for judged in view.trials_of(line.cell) for row in _seconds(judged)]


def _seconds(judged: Judged) -> Iterator[dict[str, Any]]:
    if not isinstance(judged.outcome, Sample):
        return
    known = judged.outcome.driven.completed_per_second
    told = [judged.verdict.reason, *(note.kind.name.lower() for note in judged.verdict.notes)]
    happened = "; ".join(filter(None, told))
    for second, completed in enumerate(known):
        yield {
            "stack": judged.trial.stack,
            "block": judged.trial.block + 1 + second / len(known),
            "rps": completed,
            "happened": happened if happened and second == 0 else None,
        }
