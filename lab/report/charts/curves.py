"""What a table has no room for: the latency at every percentile, and the throughput second by second."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import altair

from lab.report.charts.drawing import HEIGHT_PX, WIDTH_PX, Chart, chart, definition, described, hue, names_of, told

_LEGEND = altair.Legend(symbolType="stroke", symbolStrokeWidth=3, columns=2)


def of_percentiles(slug: str, title: str, rows: Sequence[Mapping[str, Any]]) -> Chart | None:
    """Return latency by percentile, a line for each stack; rows have stack, percent, ms and latency."""
    if not rows:
        return None
    drawn = _percentiles(names_of(rows), tuple(sorted({row["percent"] for row in rows})))
    placed = ({**row, "beyond": 1 / (100 - row["percent"])} for row in rows)
    return chart(slug, f"Latency by percentile of {title}", drawn, placed)


@lru_cache
def _percentiles(stacks: tuple[str, ...], percents: tuple[float, ...]) -> Mapping[str, Any]:
    axis = altair.Axis(
        values=[1 / (100 - percent) for percent in percents], labelExpr="format(100 - 1 / datum.value, '~g')"
    )
    x = altair.X("beyond:Q", title="percentile", axis=axis).scale(type="log", nice=False)
    y = altair.Y("ms:Q", title="latency, ms (logarithmic)", axis=altair.Axis(tickCount=8, format="~g"))
    base = described().encode(
        x=x, y=y.scale(type="log", nice=False, padding=12), color=hue("stack", stacks, legend=_LEGEND)
    )
    marks = base.mark_point(filled=True, size=50, opacity=1).encode(tooltip=told("stack", "percent", "latency"))
    drawn = altair.layer(base.mark_line(strokeWidth=1.5), marks)
    return definition(drawn.properties(width=WIDTH_PX, height=HEIGHT_PX))


def of_seconds(slug: str, title: str, rows: Sequence[Mapping[str, Any]]) -> Chart | None:
    """Return throughput second by second over all blocks; rows have stack, block, rps and what happened, if anything did.

    A mark shows where something happened: a trial that does not count, or one with a note.
    """
    return chart(slug, f"Second by second, {title}", _seconds(names_of(rows)), rows) if rows else None


@lru_cache
def _seconds(stacks: tuple[str, ...]) -> Mapping[str, Any]:
    x = altair.X("block:Q", title="block", axis=altair.Axis(format="d", tickMinStep=1)).scale(nice=False, padding=12)
    y = altair.Y("rps:Q", title="correct responses per second", axis=altair.Axis(tickCount=6, format="~s"))
    base = described().encode(x=x, y=y, color=hue("stack", stacks, legend=_LEGEND))
    marks = base.transform_filter("isValid(datum.happened)").mark_point(size=120, strokeWidth=2)
    drawn = altair.layer(
        base.mark_line(strokeWidth=1.5, point=altair.OverlayMarkDef(size=24)),
        marks.encode(tooltip=told("stack", "happened")),
    )
    return definition(drawn.properties(width=WIDTH_PX, height=HEIGHT_PX))
