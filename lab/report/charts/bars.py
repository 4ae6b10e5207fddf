"""One scenario under one load: the throughput of each stack with its interval, and its latencies."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import altair

from lab.model.cell import Cell
from lab.report import words
from lab.report.charts.drawing import (
    ACCENT,
    BASE,
    COMPARED,
    FAILED,
    ROW_PX,
    WIDTH_PX,
    Chart,
    by_name,
    chart,
    definition,
    described,
    names_of,
    told,
)

LATENCIES = {"mean_ms": "mean", "p50_ms": "p50", "p95_ms": "p95", "p99_ms": "p99"}
_SHADES = [BASE, "#9cc3e6", COMPARED, ACCENT]
_SHAPES = ["square", "circle", "diamond", "triangle-right"]


def of_cells(slug: str, title: str, cells: Sequence[Cell], baseline: str) -> Iterator[Chart]:
    """Yield the charts of the cells of one scenario and load, as far as they have numbers."""
    if rows := [_row(cell, baseline) for cell in cells if cell.rps is not None]:
        yield chart(slug, f"Throughput of {title}", _throughput(names_of(rows)), rows)
    if points := [point for cell in cells if cell.rps is not None for point in _points(cell)]:
        yield chart(f"{slug}-latency", f"Latency of {title}", _latency(names_of(points)), points)


def _row(cell: Cell, baseline: str) -> dict[str, Any]:
    role = "failed" if cell.outcome == "failed" else "baseline" if cell.stack == baseline else "compared"
    rps = cell.rps
    shown = f"{words.number(rps.mean)} {words.bracketed(rps)}" if rps else ""
    return {"stack": cell.stack, **(rps.model_dump() if rps else {}), "role": role, "requests/s": shown}


def _points(cell: Cell) -> Iterator[dict[str, Any]]:
    for column, name in LATENCIES.items():
        if ms := cell.amount(column):
            yield {"stack": cell.stack, "figure": name, "ms": ms, "latency": f"{words.number(ms)} ms"}


@lru_cache
def _throughput(stacks: tuple[str, ...]) -> Mapping[str, Any]:
    """Describe bars from zero, so that their lengths may be compared, with the 95 % interval on top."""
    colour = altair.Color("role:N", legend=None).scale(
        domain=["baseline", "compared", "failed"], range=[BASE, COMPARED, FAILED]
    )
    base = described().encode(y=by_name("stack", stacks), tooltip=told("stack", "requests/s"))
    x = altair.X("mean:Q", title="correct responses per second, 95 % interval", axis=altair.Axis(tickCount=5))
    bars = base.mark_bar(height=14).encode(x=x, color=colour)
    whiskers = base.mark_rule(strokeWidth=2, color="currentColor").encode(x="lo:Q", x2="hi:Q")
    return definition(altair.layer(bars, whiskers).properties(width=WIDTH_PX, height=ROW_PX * len(stacks)))


@lru_cache
def _latency(stacks: tuple[str, ...]) -> Mapping[str, Any]:
    """Describe mean, p50, p95 and p99 on a logarithmic axis: latencies of stacks differ by factors."""
    base = described().encode(y=by_name("stack", stacks))
    axis = altair.Axis(tickCount=5, labelOverlap="greedy", format="~g")
    x = altair.X("ms:Q", title="latency, ms (logarithmic)", axis=axis).scale(type="log", nice=False, padding=24)
    domain = list(LATENCIES.values())
    shape = altair.Shape("figure:N", title=None).scale(domain=domain, range=_SHAPES)
    shade = altair.Fill("figure:N", title=None).scale(domain=domain, range=_SHADES)
    lines = base.mark_line(strokeWidth=1.5, color=BASE).encode(x=x, detail="stack:N")
    marks = base.mark_point(filled=True, size=90, opacity=1).encode(
        x=x, shape=shape, fill=shade, tooltip=told("stack", "figure", "latency")
    )
    return definition(altair.layer(lines, marks).properties(width=WIDTH_PX, height=ROW_PX * len(stacks)))
