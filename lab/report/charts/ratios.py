"""Ratios with their intervals, one below the other: what one factor changes, scenario by scenario."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair

from lab.analysis.comparison.rows import Comparison
from lab.report import words
from lab.report.charts.drawing import (
    ACCENT,
    BASE,
    COMPARED,
    WIDTH_PX,
    Chart,
    by_name,
    chart,
    definition,
    described,
    names_of,
    told,
)

_ROW_PX = 24
_VERDICTS = {"better": COMPARED, "worse": ACCENT, "not decided": BASE}
_SHAPES = ["triangle-up", "triangle-down", "circle"]
_LEAST = 1.1
"""An axis reaches at least so far to both sides of 1, so that ratios near 1 look near 1."""


def of_rows(slug: str, title: str, rows: Sequence[tuple[str, Comparison, str]]) -> Chart:
    """Return a chart of ratios, each with a name and a tone: better, worse or none."""
    points = [
        {
            "name": name,
            "ratio": row.ratio,
            "lo": row.lo,
            "hi": row.hi,
            "said": tone or "not decided",
            "times": f"{words.times(row.ratio)} times the {words.METRICS[row.metric]}{words.interval(row)}",
            "verdict": words.label(row),
            "stack": row.stack,
        }
        for name, row, tone in rows
    ]
    ends = [end for _, row, _ in rows for end in (row.lo, row.ratio, row.hi) if end]
    drawn = _drawn(names_of(points, "name"), (min(*ends, 1 / _LEAST), max(*ends, _LEAST)))
    return chart(slug, title, drawn, points)


def _drawn(names: tuple[str, ...], ends: tuple[float, float]) -> Mapping[str, Any]:
    x = altair.X("ratio:Q", title="times, with interval (logarithmic)", axis=altair.Axis(tickCount=6, format="~g"))
    x = x.scale(type="log", domain=ends, nice=False, padding=12)
    colour = altair.Color("said:N", legend=None).scale(domain=list(_VERDICTS), range=list(_VERDICTS.values()))
    shape = altair.Shape("said:N", legend=None).scale(domain=list(_VERDICTS), range=_SHAPES)
    one = described().mark_rule(color="currentColor", strokeDash=[4, 3]).encode(x=altair.XDatum(1))
    base = described().encode(y=by_name("name", names), color=colour, tooltip=told("name", "times", "verdict"))
    whiskers = base.mark_rule(strokeWidth=2).encode(x=altair.X("lo:Q"), x2="hi:Q")
    marks = base.mark_point(filled=True, size=90, opacity=1).encode(x=x, shape=shape)
    return definition(altair.layer(one, whiskers, marks).properties(width=WIDTH_PX, height=_ROW_PX * len(names)))
