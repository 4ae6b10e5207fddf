"""Where throughput and latency bend: one scenario at shares of capacity, or under more and more users."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import altair

from lab.model.cell import Cell
from lab.model.loads import Load
from lab.report import words
from lab.report.charts.drawing import HEIGHT_PX, WIDTH_PX, Chart, chart, definition, described, hue, names_of, told

_BENT = {"p50_ms": "p50", "p99_ms": "p99"}
_SHARE = altair.Legend(
    orient="bottom", symbolStrokeWidth=1.5, symbolStrokeColor="currentColor", symbolFillColor="transparent"
)


def of_shares(slug: str, title: str, cells: Sequence[Cell]) -> Iterator[Chart]:
    """Yield the latency of the cells of one scenario by rate, the lowest share first.

    Both axes are logarithmic: along each, a share is the same distance from 100 % in every stack.
    """
    points = [
        _point(cell) | {"share": f"{Load.model_validate(cell.load).amount} %", "rate": rate}
        for cell in cells
        if (rate := cell.amount("offered_rps"))
    ]
    shares = list(dict.fromkeys(str(point["share"]) for point in points))
    for name, title_ in _BENT.items():
        if known := [point for point in points if point.get(name)]:
            drawn = _bend(_kinds(known), "rate", "requests per second offered", name, f"{title_}, ms", tuple(shares))
            yield chart(f"{slug}-{title_}", f"{title_} by rate of {title}", drawn, known)


def of_sweep(slug: str, title: str, cells: Sequence[Cell]) -> Iterator[Chart]:
    """Yield throughput and latency of the cells of one scenario by users.

    All axes are logarithmic: as long as users do not wait for each other, throughput is a straight line.
    """
    points = [_point(cell) | {"users": Load.model_validate(cell.load).amount} for cell in cells if cell.rps]
    if points:
        drawn = _bend(_kinds(points), "users", "users", "rps", "correct responses per second")
        yield chart(slug, f"Throughput by users of {title}", drawn, points)
    for name, title_ in _BENT.items():
        if known := [point for point in points if point.get(name)]:
            drawn = _bend(_kinds(known), "users", "users", name, f"{title_}, ms")
            yield chart(f"{slug}-{title_}", f"{title_} by users of {title}", drawn, known)


def _point(cell: Cell) -> dict[str, Any]:
    shown = {title: f"{words.number(cell.amount(name))} ms" for name, title in _BENT.items()}
    return {
        "stack": cell.stack,
        "failed": cell.outcome == "failed",
        "rps": cell.amount("rps"),
        **{name: cell.amount(name) for name in _BENT},
        "load": words.load(cell.load),
        "requests/s": f"{words.number(cell.amount('rps'))} {words.bracketed(cell.rps) if cell.rps else ''}",
        **shown,
    }


def _kinds(points: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], tuple[bool, ...]]:
    """Return the stacks, and of which outcomes there are marks: not failed, failed."""
    return names_of(points), tuple(sorted({bool(point["failed"]) for point in points}))


@lru_cache
def _bend(
    kinds: tuple[tuple[str, ...], tuple[bool, ...]],
    x: str,
    x_title: str,
    y: str,
    y_title: str,
    shares: tuple[str, ...] = (),
) -> Mapping[str, Any]:
    """Describe one figure by another, a line for each stack; a failed cell is a hollow mark."""
    stacks, outcomes = kinds
    axis = altair.Axis(tickCount=5, labelOverlap="greedy", format="~s")
    legend = altair.Legend(symbolType="stroke", symbolStrokeWidth=3, columns=2)
    base = described().encode(
        x=altair.X(f"{x}:Q", title=x_title, axis=axis).scale(type="log", nice=False, padding=16),
        y=altair.Y(f"{y}:Q", title=y_title, axis=altair.Axis(tickCount=8, labelOverlap="greedy", format="~g")).scale(
            type="log", nice=False, padding=16
        ),
        color=hue("stack", stacks, legend=legend),
    )
    line = base.mark_line(strokeWidth=1.5)
    if shares:
        base = base.encode(shape=altair.Shape("share:N", title=None, legend=_SHARE).scale(domain=list(shares)))
    marks = [
        base.transform_filter("datum.failed" if failed else "!datum.failed")
        .mark_point(size=80, opacity=1, strokeWidth=2, filled=not failed)
        .encode(tooltip=told("stack", "load", "requests/s", *_BENT.values()))
        for failed in outcomes
    ]
    return definition(altair.layer(line, *marks).properties(width=WIDTH_PX, height=HEIGHT_PX))
