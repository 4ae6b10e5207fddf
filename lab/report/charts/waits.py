"""The map of the crossover: coroutines over threads by wait, CPU time, users and threads."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair

from lab.answers.crossover import Both
from lab.answers.law import Law
from lab.report import words
from lab.report.charts.drawing import HEIGHT_PX, WIDTH_PX, Chart, chart, data, told

_LEAST_WAIT_MS, _MOST_WAIT_MS = 0.5, 150
"""Ends of a logarithmic axis of waits; no wait stands at its beginning, where the axis says 0."""
_DEEP = 2.6
"""A ratio, or its inverse, from which the colour is so dark that text on it is white."""
_TWO_DIGITS = 10


def of_points(slug: str, title: str, points: Sequence[Both], figure: str, law: Law) -> Chart | None:
    """Return the map of a figure of coroutines over threads, a panel for each number of users and of threads."""
    rows = [
        {
            "wait": max(one.point.wait_ms, _LEAST_WAIT_MS),
            "cpu": one.point.cpu_ms,
            "panel": f"{one.point.users} users, {one.point.threads} threads",
            "value": value,
            "label": f"{value:.2f}" if value < _TWO_DIGITS else f"{value:.0f}",
            "threads": one.point.threads,
            "async def over def": f"{words.times(value)} times",
            "request": f"wait {one.point.wait_ms:g} ms, CPU {one.point.cpu_ms:g} ms",
        }
        for one in sorted(points, key=lambda one: (one.point.users, one.point.threads or 0))
        if (value := getattr(one, figure)) is not None and one.point.users > (one.point.threads or 0)
    ]
    if not rows:
        return None
    panels = list(dict.fromkeys(str(row["panel"]) for row in rows))
    drawn = [_panel([row for row in rows if row["panel"] == panel], panel, law) for panel in panels]
    return chart(slug, title, altair.concat(*drawn, columns=2, spacing=28))


def _panel(rows: Sequence[Mapping[str, Any]], title: str, law: Law) -> Any:
    most, threads = max(row["cpu"] for row in rows), rows[0]["threads"]
    knee = [{"wait": (threads - 1) * (cpu / 10 + law.thread_ms), "cpu": cpu / 10} for cpu in range(int(most * 10) + 1)]
    axis = altair.Axis(
        values=[_LEAST_WAIT_MS, 1, 2, 5, 10, 20, 50, 100],
        labelExpr=f"datum.value == {_LEAST_WAIT_MS} ? '0' : datum.value",
    )
    x = altair.X("wait:Q", title="wait, ms", axis=axis).scale(
        type="log", domain=[_LEAST_WAIT_MS, _MOST_WAIT_MS], nice=False, padding=20, clamp=True
    )
    y = altair.Y("cpu:Q", title="CPU time, ms").scale(padding=16)
    colour = altair.Color("value:Q", legend=None).scale(
        type="log", scheme="redyellowblue", domain=[1 / 4, 4], clamp=True
    )
    marks = data(rows).mark_circle(size=560, opacity=1)
    marks = marks.encode(x=x, y=y, color=colour, tooltip=told("request", "async def over def"))
    ink = altair.condition(
        f"datum.value > {_DEEP} || datum.value < {1 / _DEEP}", altair.value("#ffffff"), altair.value("#1c2024")
    )
    labels = data(rows).mark_text(fontSize=11).encode(x=x, y=y, text="label:N", color=ink)
    line = data(knee).mark_line(color="currentColor", strokeDash=[5, 4], strokeWidth=1.5).encode(x=x, y=y)
    return altair.layer(line, marks, labels).properties(width=WIDTH_PX, height=HEIGHT_PX, title=title)
