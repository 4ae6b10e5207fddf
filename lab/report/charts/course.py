"""One ratio over time: what each run measured of the same pair, with its interval."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair

from lab.report.charts.drawing import HEIGHT_PX, WIDTH_PX, Chart, chart, definition, described, hue, told

_LEAST = 1.1
"""The axis reaches at least so far to both sides of 1, so that ratios near 1 look near 1."""


def of_runs(title: str, points: Sequence[Mapping[str, Any]]) -> Chart:
    """Return the chart of points with run, began (ISO 8601), runtime, ratio, lo, hi, times and verdict."""
    ends = [point[end] for point in points for end in ("lo", "ratio", "hi") if point[end]]
    runtimes = sorted({str(point["runtime"]) for point in points})
    return chart("course", title, _drawn(runtimes, (min(*ends, 1 / _LEAST), max(*ends, _LEAST))), points)


def _drawn(runtimes: Sequence[str], ends: tuple[float, float]) -> Mapping[str, Any]:
    x = altair.X("began:T", title="began, UTC", axis=altair.Axis(tickCount=6, labelOverlap="greedy")).scale(
        type="utc", padding=16
    )
    scale = altair.Scale(type="log", domain=ends, nice=False, padding=12)
    y = altair.Y("ratio:Q", title="times, with interval (logarithmic)", axis=altair.Axis(tickCount=8, format="~g"))
    one = described().mark_rule(color="currentColor", strokeDash=[4, 3]).encode(y=altair.YDatum(1))
    base = described().encode(x=x, color=hue("runtime", runtimes), tooltip=told("run", "runtime", "times", "verdict"))
    whiskers = base.mark_rule(strokeWidth=2).encode(y=altair.Y("lo:Q"), y2="hi:Q")
    marks = base.mark_point(filled=True, size=90, opacity=1).encode(y=y.scale(scale))
    return definition(altair.layer(one, whiskers, marks).properties(width=2 * WIDTH_PX, height=HEIGHT_PX))
