"""Ratios with their intervals, one below the other: what one factor changes, scenario by scenario."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair

from lab.analysis.comparison.rows import Comparison
from lab.report import words
from lab.report.charts.drawing import ACCENT, BASE, COMPARED, LABEL_PX, WIDTH_PX, Chart, chart, data, told

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
    return chart(slug, title, _drawn(points))


def _drawn(points: Sequence[Mapping[str, Any]]) -> Any:
    ends = [point[end] for point in points for end in ("lo", "ratio", "hi") if point[end]]
    names = list(dict.fromkeys(str(point["name"]) for point in points))
    axis = altair.Axis(minExtent=LABEL_PX * max(map(len, names)), ticks=False, domain=False)
    y = altair.Y("name:N", sort=names, title=None, axis=axis)
    x = altair.X("ratio:Q", title="times, with interval (logarithmic)", axis=altair.Axis(tickCount=6, format="~g"))
    x = x.scale(type="log", domain=[min(*ends, 1 / _LEAST), max(*ends, _LEAST)], nice=False, padding=12)
    colour = altair.Color("said:N", legend=None).scale(domain=list(_VERDICTS), range=list(_VERDICTS.values()))
    shape = altair.Shape("said:N", legend=None).scale(domain=list(_VERDICTS), range=_SHAPES)
    one = data([{"one": 1}]).mark_rule(color="currentColor", strokeDash=[4, 3]).encode(x="one:Q")
    base = data(points).encode(y=y, color=colour, tooltip=told("name", "times", "verdict"))
    whiskers = base.mark_rule(strokeWidth=2).encode(x=altair.X("lo:Q"), x2="hi:Q")
    marks = base.mark_point(filled=True, size=90, opacity=1).encode(x=x, shape=shape)
    return altair.layer(one, whiskers, marks).properties(width=WIDTH_PX, height=_ROW_PX * len(names))
