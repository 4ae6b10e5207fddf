"""A report as one HTML file that needs nothing else: style, program, charts and glossary are inside."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from lab.report import words
from lab.report.charts.drawing import LOOK, program
from lab.report.page import About, Page, slug

_CODE = re.compile("`([^`]+)`")
_ATTRIBUTES = {"stacks": "stack", "scenarios": "scenario", "loads": "load", "metrics": "metric"}
"""What a part is about -> the attribute that a filter reads, with blanks between several."""


def render(page: Page, terms: Mapping[str, str]) -> str:
    """Return a report as HTML; `terms` are explained where they first occur in a section."""
    environment = Environment(
        loader=PackageLoader("lab.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    charts = [chart for picture in page.pictures for chart in picture.charts]
    environment.filters |= {
        "kind": lambda block: type(block).__name__,
        "marked": _marked,
        "about": _about,
        "slug": slug,
    }
    return environment.get_template("report.html.j2").render(
        page=page,
        explainer=_Explainer(terms),
        metrics=words.METRICS,
        load_words=words.load,
        itself=str,
        definitions=_script({chart.slug: _short(chart.definition) for chart in charts}),
        look=_script(LOOK),
        vega=Markup(program()) if charts else "",  # noqa: S704 - Vega's own
    )


class _Explainer:
    """Turns terms of the glossary into links that show what they mean, each where a section first has it."""

    def __init__(self, terms: Mapping[str, str]) -> None:
        self._meanings = {term.lower(): meaning for term, meaning in terms.items()}
        self._seen: set[str] = set()
        self.used: dict[str, str] = {}
        """Term -> meaning, of those that the report has."""
        ordered = sorted(map(re.escape, self._meanings), key=len, reverse=True)
        self._pattern = re.compile(rf"\b({'|'.join(ordered)})(s?)\b", re.IGNORECASE)

    def begin(self) -> str:
        """Begin a section."""
        self._seen.clear()
        return ""

    def __call__(self, text: str) -> Markup:
        """Return a text in which the terms that the section has not had yet are links."""
        parts = str(_marked(text)).split("<code>")
        return Markup("<code>".join([self._linked(parts[0]), *map(self._after_code, parts[1:])]))  # noqa: S704 - escaped

    def _after_code(self, part: str) -> str:
        code, end, rest = part.partition("</code>")
        return f"{code}{end}{self._linked(rest)}"

    def _linked(self, escaped: str) -> str:
        return self._pattern.sub(self._link, escaped) if self._meanings else escaped

    def _link(self, found: re.Match[str]) -> str:
        term = found[1].lower()
        if term in self._seen:
            return found[0]
        self._seen.add(term)
        self.used[term] = self._meanings[term]
        link = Markup('<a class="term" href="#term-{}" data-tip="{}">{}</a>')
        return str(link.format(slug(term), self._meanings[term], Markup(found[0])))  # noqa: S704 - escaped already


def _marked(text: str) -> Markup:
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def _about(about: About) -> Markup:
    """Return the attributes that say what a part is about."""
    found = ((name, " ".join(values)) for name, values in ((_ATTRIBUTES[k], v) for k, v in asdict(about).items()))
    return Markup("").join(Markup(' data-{}="{}"').format(name, values) for name, values in found if values)


def _short(part: Any) -> Any:
    """Return a chart's definition with its rows as tables: each name of a column once, each text once. The program undoes it."""
    if isinstance(part, list):
        return [_short(one) for one in part]
    if not isinstance(part, dict):
        return part
    if isinstance(rows := part.get("values"), list) and rows and all(isinstance(row, dict) for row in rows):
        names = list(dict.fromkeys(name for row in rows for name in row))
        return {"columns": {name: _column([row.get(name) for row in rows]) for name in names}}
    return {name: _short(one) for name, one in part.items()}


def _column(values: Sequence[Any]) -> Any:
    """Return the values of a column; where texts are repeated, each once and then their places."""
    texts = list(dict.fromkeys(values))
    if len(texts) > len(values) / 2 or not all(isinstance(text, str) for text in texts):
        return values
    places = {text: place for place, text in enumerate(texts)}
    return {"texts": texts, "places": [places[value] for value in values]}


def _script(value: object) -> Markup:
    """Return a value as JSON that cannot end the script element that it stands in."""
    return Markup(json.dumps(value, separators=(",", ":")).replace("<", "\\u003c"))  # noqa: S704 - no tag can begin
