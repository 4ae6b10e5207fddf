"""The map of the crossover: coroutines over threads by wait, CPU time, users and threads."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import altair

from lab.answers.crossover import Both
from lab.answers.law import Law
from lab.report import words
from lab.report.charts.drawing import HEIGHT_PX, WIDTH_PX, Chart, chart, definition, described, told

_LEAST_WAIT_MS, _MOST_WAIT_MS = 0.5, 150
"""Ends of a logarithmic axis of waits; no wait stands at its beginning, where the axis says 0."""
_DEEP = 2.6
"""A ratio, or its inverse, from which the colour is so dark that text on it is white."""
_TWO_DIGITS = 10


def of_points(slug: str, points: Sequence[Both], figure: str, law: Law) -> Iterator[Chart]:
    """Yield the map of a figure of coroutines over threads, a chart for each number of users and of threads."""
    shown = [
        (one, value)
        for one in sorted(points, key=lambda one: (one.point.users, one.point.threads or 0))
        if (value := getattr(one, figure)) is not None and one.point.users > (one.point.threads or 0)
    ]
    for panel in dict.fromkeys((one.point.users, one.point.threads or 0) for one, _ in shown):
        users, threads = panel
        rows = [_row(one, value) for one, value in shown if (one.point.users, one.point.threads or 0) == panel]
        most = max(row["cpu"] for row in rows)
        yield chart(
            f"{slug}-{users}-{threads}",
            f"{users} users, {threads} threads",
            _panel(),
            [*rows, *_knee(threads, most, law)],
        )


def _row(one: Both, value: float) -> dict[str, Any]:
    return {
        "wait": max(one.point.wait_ms, _LEAST_WAIT_MS),
        "cpu": one.point.cpu_ms,
        "value": value,
        "label": f"{value:.2f}" if value < _TWO_DIGITS else f"{value:.0f}",
        "async def over def": f"{words.times(value)} times",
        "request": f"wait {one.point.wait_ms:g} ms, CPU {one.point.cpu_ms:g} ms",
    }


def _knee(threads: int, most: float, law: Law) -> Iterator[dict[str, Any]]:
    """Yield from which wait on the threads are not enough, by CPU time."""
    for tenths in range(int(most * 10) + 1):
        yield {"wait": (threads - 1) * (tenths / 10 + law.thread_ms), "cpu": tenths / 10}


@lru_cache
def _panel() -> Mapping[str, Any]:
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
    ink = altair.condition(
        f"datum.value > {_DEEP} || datum.value < {1 / _DEEP}", altair.value("#ffffff"), altair.value("#1c2024")
    )
    base = described().encode(x=x, y=y)
    points = base.transform_filter("isValid(datum.value)")
    marks = points.mark_circle(size=560, opacity=1).encode(color=colour, tooltip=told("request", "async def over def"))
    labels = points.mark_text(fontSize=11).encode(text="label:N", color=ink)
    knee = base.transform_filter("!isValid(datum.value)")
    line = knee.mark_line(color="currentColor", strokeDash=[5, 4], strokeWidth=1.5)
    return definition(altair.layer(line, marks, labels).properties(width=WIDTH_PX, height=HEIGHT_PX))
