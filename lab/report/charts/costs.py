"""What a request and a server cost: CPU time by scenario, memory by stack, and the layers of a request."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair

from lab.answers.estimate import Estimate
from lab.model.cell import Cell
from lab.report import words
from lab.report.charts.drawing import (
    BASE,
    COMPARED,
    ROW_PX,
    WIDTH_PX,
    Chart,
    by_name,
    chart,
    definition,
    described,
    hue,
    names_of,
    told,
)

_WHEN = {"idle": BASE, "after a window": COMPARED}


def of_cpu(slug: str, cells: Sequence[Cell]) -> Chart | None:
    """Return the CPU time of a request by scenario, a mark for each stack."""
    rows = [
        {
            "stack": cell.stack,
            "scenario": cell.scenario,
            "us": us,
            "CPU time": f"{words.number(us)} µs a request",
        }
        for cell in cells
        if (us := cell.amount("cpu_us_per_request"))
    ]
    return (
        chart(slug, "CPU time of a request", _cpu(names_of(rows, "scenario"), names_of(rows)), rows) if rows else None
    )


def _cpu(scenarios: Sequence[str], stacks: Sequence[str]) -> Mapping[str, Any]:
    x = altair.X(
        "us:Q", title="server's CPU time, µs a request (logarithmic)", axis=altair.Axis(tickCount=6, format="~s")
    )
    marks = described().mark_point(filled=True, size=90, opacity=0.9)
    drawn = marks.encode(
        x=x.scale(type="log", nice=False, padding=16),
        y=by_name("scenario", scenarios, grid=True),
        color=hue("stack", stacks, legend=altair.Legend(columns=2)),
        tooltip=told("stack", "scenario", "CPU time"),
    )
    return definition(drawn.properties(width=WIDTH_PX, height=ROW_PX * len(scenarios)))


def of_memory(slug: str, idle_mb: Mapping[str, float], most_mb: Mapping[str, float]) -> Chart | None:
    """Return the memory of each stack before its first request, and the most that it had after a window."""
    rows = [
        {"stack": stack, "when": when, "mb": mb, "memory": f"{words.number(mb)} MB"}
        for when, found in zip(_WHEN, (idle_mb, most_mb), strict=True)
        for stack, mb in found.items()
    ]
    return chart(slug, "Memory of a server", _memory(names_of(rows)), rows) if rows else None


def _memory(stacks: Sequence[str]) -> Mapping[str, Any]:
    colour = altair.Color("when:N", title=None).scale(domain=list(_WHEN), range=list(_WHEN.values()))
    base = described().encode(y=by_name("stack", stacks), x=altair.X("mb:Q", title="memory, MB").scale(zero=True))
    lines = base.mark_line(strokeWidth=1.5, color=BASE).encode(detail="stack:N")
    marks = base.mark_point(filled=True, size=90, opacity=1).encode(
        color=colour, tooltip=told("stack", "when", "memory")
    )
    return definition(altair.layer(lines, marks).properties(width=WIDTH_PX, height=ROW_PX * len(stacks)))


def of_layers(slug: str, layers: Sequence[tuple[str, Estimate]]) -> Chart:
    """Return the layers of a request on top of each other, each as long as the CPU time that it adds."""
    rows = [
        {"layer": name, "us": found.value, "place": place, "CPU time": f"{words.number(found.value)} µs a request"}
        for place, (name, found) in enumerate(layers)
    ]
    return chart(slug, "Layers of a request", _layers([name for name, _ in layers]), rows)


def _layers(names: Sequence[str]) -> Mapping[str, Any]:
    legend = altair.Legend(orient="bottom", columns=1, labelLimit=WIDTH_PX)
    bars = (
        described()
        .mark_bar(height=40)
        .encode(
            x=altair.X("us:Q", title="server's CPU time, µs a request", stack="zero"),
            color=hue("layer", names, legend=legend),
            order="place:O",
            tooltip=told("layer", "CPU time"),
        )
    )
    return definition(bars.properties(width=2 * WIDTH_PX, height=60))
