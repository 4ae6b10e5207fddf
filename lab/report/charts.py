"""Pictures, SVG, drawn by Vega-Lite.

Of a scenario under one load: throughput with its interval, and the latencies. Of its shares of capacity: latency by rate.
Of a sweep: throughput and latency by users.

Text and axes are `currentColor`: inside the HTML report they follow the page into the dark.
"""

import json
from collections.abc import Sequence
from typing import Any

import altair
import vl_convert

from lab.answers.crossover import Both
from lab.answers.law import Law
from lab.model.cell import Cell
from lab.model.loads import Load

_BAR, _BASE, _FAILED = "#3b82c4", "#8a8f98", "#c2504d"
_LATENCIES = {"mean_ms": "mean", "p50_ms": "p50", "p95_ms": "p95", "p99_ms": "p99"}
_BENT = {"p50_ms": "p50", "p99_ms": "p99"}
_HUES = 10
"""So many stacks have each a hue of its own; of more, some share one in two shades."""
Chart = altair.LayerChart | altair.FacetChart
_ROW_PX, _WIDTH_PX, _BEND_PX = 30, 360, 240
_LEAST_WAIT_MS, _MOST_WAIT_MS = 0.5, 150
"""Ends of a logarithmic axis of waits; no wait stands at its beginning, where the axis says 0."""
_DEEP = 2.6
"""A ratio, or its inverse, from which a map's colour is so dark that text on it is white."""
_TWO_DIGITS = 10
_LABEL_PX = 7.5
"""Width of a character of a label: Vega measures text without the font that the reader will see."""


def draw(cells: Sequence[Cell], baseline: str) -> str | None:
    """Return the SVG of the cells of one scenario and load; None where no cell has numbers."""
    rows = [_row(cell, baseline) for cell in cells if cell.rps is not None]
    if not rows:
        return None
    chart = altair.hconcat(_throughput(rows), _latency(rows), spacing=36).resolve_scale(
        fill="independent", shape="independent"
    )
    return svg(chart)


def draw_shares(cells: Sequence[Cell]) -> str | None:
    """Return the SVG of the cells of one scenario at shares of capacity, the lowest first; None where no cell has a rate and a latency.

    Both axes are logarithmic: along each, a share is the same distance from 100 % in every stack.
    """
    points = [
        {**_point(cell), "share": f"{Load.model_validate(cell.load).amount} %", "rate": rate}
        for cell in cells
        if (rate := cell.amount("offered_rps")) and any(cell.amount(name) for name in _BENT)
    ]
    if not points:
        return None
    shape = altair.Shape(
        "share:N",
        title=None,
        legend=altair.Legend(
            orient="bottom", symbolStrokeWidth=1.5, symbolStrokeColor="currentColor", symbolFillColor="transparent"
        ),
    ).scale(domain=list(dict.fromkeys(str(point["share"]) for point in points)))
    return svg(_bends(points, "rate", "requests per second offered", shape))


def draw_sweep(cells: Sequence[Cell]) -> str | None:
    """Return the SVG of the cells of one scenario under closed loads; None where no cell has throughput and a latency.

    All axes are logarithmic: as long as users do not wait for each other, throughput is a straight line.
    """
    points = [
        {**_point(cell), "users": Load.model_validate(cell.load).amount}
        for cell in cells
        if cell.rps and any(cell.amount(name) for name in _BENT)
    ]
    if not points:
        return None
    throughput = _bend(points, "users", "users", "rps", "correct responses per second")
    return svg(altair.hconcat(throughput, _bends(points, "users", "users"), spacing=36))


def draw_map(points: Sequence[Both], figure: str, title: str, law: Law) -> str | None:
    """Return the SVG of a figure of coroutines over threads by wait and CPU time: a panel for each number of users and of threads."""
    rows = [
        {
            "wait": max(one.point.wait_ms, _LEAST_WAIT_MS),
            "cpu": one.point.cpu_ms,
            "panel": f"{one.point.users} users, {one.point.threads} threads",
            "value": value,
            "label": f"{value:.2f}" if value < _TWO_DIGITS else f"{value:.0f}",
            "threads": one.point.threads,
        }
        for one in sorted(points, key=lambda one: (one.point.users, one.point.threads or 0))
        if (value := getattr(one, figure)) is not None and one.point.users > (one.point.threads or 0)
    ]
    if not rows:
        return None
    panels = list(dict.fromkeys(str(row["panel"]) for row in rows))
    drawn = [_map_panel([row for row in rows if row["panel"] == panel], panel, law) for panel in panels]
    return svg(altair.concat(*drawn, columns=2, spacing=28, title=title))


def _map_panel(rows: Sequence[dict[str, Any]], title: str, law: Law) -> Chart:
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
    marks = _chart(rows).mark_circle(size=560, opacity=1).encode(x=x, y=y, color=colour)
    ink = altair.condition(
        f"datum.value > {_DEEP} || datum.value < {1 / _DEEP}", altair.value("#ffffff"), altair.value("#1c2024")
    )
    labels = _chart(rows).mark_text(fontSize=11).encode(x=x, y=y, text="label:N", color=ink)
    line = _chart(knee).mark_line(color="currentColor", strokeDash=[5, 4], strokeWidth=1.5).encode(x=x, y=y)
    return altair.layer(line, marks, labels).properties(width=_WIDTH_PX, height=_BEND_PX, title=title)


def _point(cell: Cell) -> dict[str, object]:
    latencies = {name: cell.amount(name) for name in _BENT}
    return {"stack": cell.stack, "failed": cell.outcome == "failed", "rps": cell.amount("rps"), **latencies}


def _bends(points: Sequence[dict[str, object]], x: str, title: str, shape: altair.Shape | None = None) -> Any:
    """Draw p50 and p99 beside each other, with one scale."""
    known = [name for name in _BENT if any(point[name] for point in points)]
    panels = (_bend(points, x, title, name, f"{_BENT[name]}, ms", shape) for name in known)
    return altair.hconcat(*panels, spacing=36).resolve_scale(y="shared")


def _bend(
    points: Sequence[dict[str, object]], x: str, x_title: str, y: str, y_title: str, shape: altair.Shape | None = None
) -> Chart:
    """Draw one figure by another, a line for each stack; a failed cell is a hollow mark."""
    axis = altair.Axis(tickCount=5, labelOverlap="greedy", format="~s")
    base = _chart([point for point in points if point[y]]).encode(
        x=altair.X(f"{x}:Q", title=x_title, axis=axis).scale(type="log", nice=False, padding=16),
        y=altair.Y(f"{y}:Q", title=y_title, axis=altair.Axis(tickCount=12, labelOverlap="greedy", format="~g")).scale(
            type="log", nice=False, padding=16
        ),
        color=altair.Color(
            "stack:N",
            title=None,
            scale=altair.Scale(
                scheme="tableau20" if len({point["stack"] for point in points}) > _HUES else "tableau10"
            ),
            legend=altair.Legend(symbolType="stroke", symbolStrokeWidth=3, columns=5),
        ),
    )
    marks = base.mark_point(size=80, opacity=1, strokeWidth=2).encode(
        fill=altair.condition("datum.failed", altair.value("transparent"), altair.Color("stack:N", legend=None)),
    )
    if shape is not None:
        marks = marks.encode(shape=shape)
    return altair.layer(base.mark_line(strokeWidth=1.5), marks).properties(width=_WIDTH_PX, height=_BEND_PX)


def svg(chart: Any) -> str:
    """Return a chart as the picture of a report, in its colours."""
    return str(vl_convert.vegalite_to_svg(json.dumps(_styled(chart).to_dict())))


def standalone(svg: str) -> str:
    """Return the picture as a file of its own, which follows the reader's light or dark by itself."""
    style = "<style>svg { color: #1c2024 } @media (prefers-color-scheme: dark) { svg { color: #e4e7eb } }</style>"
    return svg.replace(">", f">{style}", 1)


def _row(cell: Cell, baseline: str) -> dict[str, object]:
    role = "failed" if cell.outcome == "failed" else "baseline" if cell.stack == baseline else "compared"
    latencies = {name: cell.amount(name) for name in _LATENCIES}
    return {"stack": cell.stack, **latencies, **(cell.rps.model_dump() if cell.rps else {}), "role": role}


def _chart(rows: Sequence[dict[str, object]]) -> altair.Chart:
    return altair.Chart(altair.InlineData(values=list(rows)))


def _stacks(rows: Sequence[dict[str, object]], *, labels: bool) -> altair.Y:
    order = [str(row["stack"]) for row in rows]
    axis = altair.Axis(minExtent=_LABEL_PX * max(map(len, order)), ticks=False, domain=False) if labels else None
    return altair.Y("stack:N", sort=order, title=None, axis=axis)


def _throughput(rows: Sequence[dict[str, object]]) -> Chart:
    """Draw bars from zero, so that their lengths may be compared, with the 95 % interval on top."""
    colour = altair.Color("role:N", legend=None).scale(
        domain=["baseline", "compared", "failed"], range=[_BASE, _BAR, _FAILED]
    )
    base = _chart(rows).encode(y=_stacks(rows, labels=True))
    title = "correct responses per second, 95 % interval"
    bars = base.mark_bar(height=14).encode(x=altair.X("mean:Q", title=title), color=colour)
    whiskers = base.mark_rule(strokeWidth=2, color="currentColor").encode(x="lo:Q", x2="hi:Q")
    return altair.layer(bars, whiskers).properties(width=_WIDTH_PX, height=_ROW_PX * len(rows))


def _latency(rows: Sequence[dict[str, object]]) -> Chart:
    """Draw mean, p50, p95 and p99 on a logarithmic axis: latencies of stacks differ by factors."""
    points = [
        {"stack": row["stack"], "figure": name, "ms": row[column]}
        for row in rows
        for column, name in _LATENCIES.items()
        if row[column]
    ]
    base = _chart(points).encode(y=_stacks(rows, labels=False))
    axis = altair.Axis(tickCount=5, labelOverlap="greedy", format="~g")
    x = altair.X("ms:Q", title="latency, ms (logarithmic)", axis=axis).scale(type="log", nice=False, padding=24)
    shape = altair.Shape("figure:N", title=None).scale(
        domain=list(_LATENCIES.values()), range=["square", "circle", "diamond", "triangle-right"]
    )
    shade = altair.Fill("figure:N", title=None).scale(
        domain=list(_LATENCIES.values()), range=[_BASE, "#9cc3e6", _BAR, "#d08a2e"]
    )
    lines = base.mark_line(strokeWidth=1.5, color=_BASE).encode(x=x, detail="stack:N")
    marks = base.mark_point(filled=True, size=90, opacity=1).encode(x=x, shape=shape, fill=shade)
    return altair.layer(lines, marks).properties(width=_WIDTH_PX, height=_ROW_PX * len(rows))


def _styled(chart: Any) -> Any:
    ink: dict[str, object] = {"labelColor": "currentColor", "titleColor": "currentColor", "labelFontSize": 12}
    return (
        chart.configure(background="transparent", font="sans-serif")
        .configure_axis(
            **ink,
            titleFontWeight="normal",
            gridColor="currentColor",
            gridOpacity=0.12,
            domainColor="currentColor",
            tickColor="currentColor",
            labelLimit=420,
        )
        .configure_legend(**ink, orient="top", symbolStrokeWidth=0)
        .configure_title(color="currentColor", fontSize=13, fontWeight="normal", anchor="start")
        .configure_view(stroke=None)
    )
