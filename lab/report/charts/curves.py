"""What a table has no room for: the latency at every percentile, and the throughput second by second."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair

from lab.report.charts.drawing import HEIGHT_PX, WIDTH_PX, Chart, chart, data, hue, told

_LEGEND = altair.Legend(symbolType="stroke", symbolStrokeWidth=3, columns=2)


def of_percentiles(slug: str, title: str, rows: Sequence[Mapping[str, Any]]) -> Chart | None:
    """Return latency by percentile, a line for each stack; rows have stack, percent, ms and latency."""
    if not rows:
        return None
    stacks = list(dict.fromkeys(str(row["stack"]) for row in rows))
    percents = sorted({row["percent"] for row in rows})
    axis = altair.Axis(
        values=[1 / (100 - percent) for percent in percents], labelExpr="format(100 - 1 / datum.value, '~g')"
    )
    x = altair.X("beyond:Q", title="percentile", axis=axis).scale(type="log", nice=False)
    y = altair.Y("ms:Q", title="latency, ms (logarithmic)", axis=altair.Axis(tickCount=8, format="~g"))
    base = data([{**row, "beyond": 1 / (100 - row["percent"])} for row in rows]).encode(
        x=x, y=y.scale(type="log", nice=False, padding=12), color=hue("stack", stacks, legend=_LEGEND)
    )
    marks = base.mark_point(filled=True, size=50, opacity=1).encode(tooltip=told("stack", "percent", "latency"))
    drawn = altair.layer(base.mark_line(strokeWidth=1.5), marks).properties(width=WIDTH_PX, height=HEIGHT_PX)
    return chart(slug, f"Latency by percentile of {title}", drawn)


def of_seconds(slug: str, title: str, rows: Sequence[Mapping[str, Any]]) -> Chart | None:
    """Return throughput second by second over all blocks; rows have stack, block, rps and what happened, if anything did.

    A mark shows where something happened: a trial that does not count, or one with a note.
    """
    if not rows:
        return None
    stacks = list(dict.fromkeys(str(row["stack"]) for row in rows))
    x = altair.X("block:Q", title="block", axis=altair.Axis(format="d", tickMinStep=1)).scale(nice=False, padding=12)
    y = altair.Y("rps:Q", title="correct responses per second", axis=altair.Axis(tickCount=6, format="~s"))
    base = data(rows).encode(x=x, y=y, color=hue("stack", stacks, legend=_LEGEND))
    marks = base.transform_filter("isValid(datum.happened)").mark_point(size=120, strokeWidth=2)
    drawn = altair.layer(
        base.mark_line(strokeWidth=1.5, point=altair.OverlayMarkDef(size=24)),
        marks.encode(tooltip=told("stack", "happened")),
    )
    return chart(slug, f"Second by second, {title}", drawn.properties(width=WIDTH_PX, height=HEIGHT_PX))
