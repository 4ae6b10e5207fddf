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
    LABEL_PX,
    ROW_PX,
    WIDTH_PX,
    Chart,
    by_stack,
    chart,
    data,
    height,
    hue,
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
    return chart(slug, "CPU time of a request", _cpu(rows)) if rows else None


def _cpu(rows: Sequence[Mapping[str, Any]]) -> Any:
    scenarios = list(dict.fromkeys(str(row["scenario"]) for row in rows))
    stacks = list(dict.fromkeys(str(row["stack"]) for row in rows))
    axis = altair.Axis(minExtent=LABEL_PX * max(map(len, scenarios)), ticks=False, domain=False, grid=True)
    x = altair.X(
        "us:Q", title="server's CPU time, µs a request (logarithmic)", axis=altair.Axis(tickCount=6, format="~s")
    )
    marks = data(rows).mark_point(filled=True, size=90, opacity=0.9)
    return marks.encode(
        x=x.scale(type="log", nice=False, padding=16),
        y=altair.Y("scenario:N", sort=scenarios, title=None, axis=axis),
        color=hue("stack", stacks, legend=altair.Legend(columns=2)),
        tooltip=told("stack", "scenario", "CPU time"),
    ).properties(width=WIDTH_PX, height=ROW_PX * len(scenarios))


def of_memory(slug: str, idle_mb: Mapping[str, float], most_mb: Mapping[str, float]) -> Chart | None:
    """Return the memory of each stack before its first request, and the most that it had after a window."""
    rows = [
        {"stack": stack, "when": when, "mb": mb, "memory": f"{words.number(mb)} MB"}
        for when, found in zip(_WHEN, (idle_mb, most_mb), strict=True)
        for stack, mb in found.items()
    ]
    return chart(slug, "Memory of a server", _memory(rows)) if rows else None


def _memory(rows: Sequence[Mapping[str, Any]]) -> Any:
    colour = altair.Color("when:N", title=None).scale(domain=list(_WHEN), range=list(_WHEN.values()))
    base = data(rows).encode(y=by_stack(rows, labels=True), x=altair.X("mb:Q", title="memory, MB").scale(zero=True))
    lines = base.mark_line(strokeWidth=1.5, color=BASE).encode(detail="stack:N")
    marks = base.mark_point(filled=True, size=90, opacity=1).encode(
        color=colour, tooltip=told("stack", "when", "memory")
    )
    return altair.layer(lines, marks).properties(width=WIDTH_PX, height=height(rows))


def of_layers(slug: str, layers: Sequence[tuple[str, Estimate]]) -> Chart:
    """Return the layers of a request on top of each other, each as long as the CPU time that it adds."""
    rows = [
        {"layer": name, "us": found.value, "place": place, "CPU time": f"{words.number(found.value)} µs a request"}
        for place, (name, found) in enumerate(layers)
    ]
    names = [name for name, _ in layers]
    legend = altair.Legend(orient="bottom", columns=1, labelLimit=WIDTH_PX)
    bars = (
        data(rows)
        .mark_bar(height=40)
        .encode(
            x=altair.X("us:Q", title="server's CPU time, µs a request", stack="zero"),
            color=hue("layer", names, legend=legend),
            order="place:O",
            tooltip=told("layer", "CPU time"),
        )
    )
    return chart(slug, "Layers of a request", bars.properties(width=2 * WIDTH_PX, height=60))
