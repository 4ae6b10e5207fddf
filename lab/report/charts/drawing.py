"""What all charts share: a definition with its name, the look, and the files that it is drawn to."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import altair
import vl_convert
from altair.utils.schemapi import disable_debug_mode

from lab.paths import STATE
from lab.report.charts import drawn

BASE, COMPARED, FAILED, ACCENT = "#8a8f98", "#3b82c4", "#c2504d", "#d08a2e"
_FEW = ["#3b82c4", "#d08a2e", "#2a9d7f", "#c2504d", "#8e6bbf", "#8a8f98", "#c77ba8", "#6b7d2a"]
"""Hues that differ in lightness too, so that readers who confuse red and green can tell them apart (after Okabe & Ito 2008)."""
WIDTH_PX, HEIGHT_PX, ROW_PX = 360, 240, 30
LABEL_PX = 7.5
"""Width of a character of a label: Vega measures text without the font that the reader will see."""
_DIGITS = 5
"""Significant digits of a number in a chart's data: more than any picture shows."""
_INK = {"labelColor": "currentColor", "titleColor": "currentColor", "labelFontSize": 12}
LOOK: Mapping[str, Any] = {
    "background": "transparent",
    "font": "sans-serif",
    "aria": False,  # the page describes the picture as a whole; a description of each mark doubles its size
    "axis": {
        **_INK,
        "titleFontWeight": "normal",
        "gridColor": "currentColor",
        "gridOpacity": 0.12,
        "domainColor": "currentColor",
        "tickColor": "currentColor",
        "labelLimit": 420,
    },
    "legend": {**_INK, "orient": "top", "symbolStrokeWidth": 0},
    "title": {"color": "currentColor", "fontSize": 13, "fontWeight": "normal", "anchor": "start"},
    "view": {"stroke": None},
}
"""Text and axes are `currentColor`: they follow the page into the dark."""
_SNIPPET = "window.vegaEmbed = vegaEmbed;"
disable_debug_mode()  # Altair checks each part of a chart against its schema, which takes most of its time; a test does so


@dataclass(frozen=True)
class Chart:
    """A chart of a report."""

    slug: str
    """Name of its files, and its place in the HTML report."""
    label: str
    """What it shows, in a few words."""
    definition: Mapping[str, Any]
    """Vega-Lite, without the look."""

    @property
    def whole(self) -> str:
        """Return its definition with the look, in JSON."""
        return json.dumps({**self.definition, "config": LOOK})

    @property
    def svg(self) -> str:
        """Return it as a picture for a page, in the colours of the page."""
        return drawn.svg(self.whole)


def chart(slug: str, label: str, described: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> Chart:
    """Return a chart of some rows, as `definition` describes it."""
    return Chart(slug, label, {**described, "data": {"values": [_rounded(row) for row in rows]}})


def definition(made: Any) -> Mapping[str, Any]:
    """Return what Altair describes, without rows: it copies and checks all that it gets several times.

    Charts of the same stacks differ in their rows alone, so that their functions keep what they return.
    """
    described: dict[str, Any] = made.to_dict(validate=False)
    layers = [{name: part for name, part in layer.items() if name != "data"} for layer in described.get("layer", ())]
    parts = {name: part for name, part in described.items() if name not in ("config", "datasets", "data")}
    return parts | ({"layer": layers} if layers else {})


def described() -> altair.Chart:
    """Begin the description of a chart, or of a layer, of rows that come later."""
    return altair.Chart(altair.NamedData(name="rows"))


def standalone(svg: str) -> str:
    """Return the picture as a file of its own, which follows the reader's light or dark by itself."""
    style = "<style>svg { color: #1c2024 } @media (prefers-color-scheme: dark) { svg { color: #e4e7eb } }</style>"
    return svg.replace(">", f">{style}", 1)


@lru_cache(maxsize=1)
def program() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script that asks for nothing from outside.

    Putting it together takes two seconds, so it is kept for the next report.
    """
    kept = STATE / f"vega-{version('vl-convert-python')}.js"
    if not kept.exists():
        made = str(vl_convert.javascript_bundle(_SNIPPET)).replace("</script", "<\\/script")
        kept.parent.mkdir(exist_ok=True)
        kept.with_suffix(".new").write_text(made, encoding="utf-8")
        kept.with_suffix(".new").replace(kept)
    return kept.read_text(encoding="utf-8")


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
        for name, value in row.items()
        if value is not None
    }


def hue(field: str, names: Sequence[str], **more: Any) -> altair.Color:
    """Return a colour for each name; of many names, some share a hue in two shades.

    Stacks have theirs in the order of the alphabet, so that charts of the same stacks have the same colours.
    """
    domain = sorted(names) if field == "stack" else list(names)
    scheme: dict[str, Any] = {"range": _FEW[: len(names)]} if len(names) <= len(_FEW) else {"scheme": "tableau20"}
    return altair.Color(f"{field}:N", title=None, scale=altair.Scale(domain=domain, **scheme), **more)


def by_name(field: str, names: Sequence[str], **more: Any) -> altair.Y:
    """Return an axis with a place for each name."""
    axis = altair.Axis(minExtent=LABEL_PX * max(map(len, names)), ticks=False, domain=False, **more)
    return altair.Y(f"{field}:N", sort=list(names), title=None, axis=axis)


def names_of(rows: Iterable[Mapping[str, Any]], field: str = "stack") -> tuple[str, ...]:
    """Return the names in a column, in the order in which they come."""
    return tuple(dict.fromkeys(str(row[field]) for row in rows))


def told(*names: str) -> list[altair.Tooltip]:
    """Return what a mark says when a reader points at it: columns of its row, each under its own name."""
    return [altair.Tooltip(f"{name}:N") for name in names]
