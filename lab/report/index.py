"""results/index.html: all runs on one page, and how their headline ratio went."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lab.report import glossary, html, overview, page, words
from lab.report.charts import course
from lab.report.pair import Pair
from lab.report.runs import Past
from lab.run.store import INDEX

_TITLE = "All runs"
_COURSE = "The ratio over time"


def write(results: Path, runs: Sequence[Past], pair: Pair | None) -> Path:
    """Write the page and return its path."""
    path = results / INDEX
    path.write_text(html.render(of(runs, pair), glossary.terms()), encoding="utf-8")
    return path


def of(runs: Sequence[Past], pair: Pair | None) -> page.Page:
    """Return the page."""
    intro = page.Paragraph(overview.about(pair) if runs else overview.NONE, "soft")
    return page.Page("async-lab", _TITLE, (intro,), tuple(_sections(runs, pair)))


def _sections(runs: Sequence[Past], pair: Pair | None) -> Iterator[page.Section]:
    heads = tuple(page.Head(head, numeric=head in overview.NUMERIC) for head in overview.HEADS)
    rows = tuple(_row(run, pair, len(runs) - place) for place, run in enumerate(runs))
    yield page.Section("Runs", (page.Table(_TITLE, heads, rows),))
    if pair and (points := [_point(run, pair) for run in runs if pair in run.ratios]):
        label = f"Throughput of {pair.stack} over that of {pair.reference}, {pair.scenario} at {words.load(pair.load)}"
        yield page.Section(_COURSE, (page.Picture((course.of_runs(label, points),), still=False),))


def _row(run: Past, pair: Pair | None, age: int) -> page.Row:
    """Return the line of a run; `age` is its place in the order of time."""
    texts = dict(zip(overview.HEADS, map(page.Text, overview.cells(run, pair)), strict=False))
    texts["run"] = replace(texts["run"], link=quote(run.report))
    if run.is_broken:
        return page.row(*texts.values(), outcome="invalid")
    texts["began, UTC"] = replace(texts["began, UTC"], value=age)
    if pair and (row := run.ratios.get(pair)):
        texts["ratio"] = replace(texts["ratio"], value=row.ratio, small=words.label(row))
    return page.row(*texts.values())


def _point(run: Past, pair: Pair) -> dict[str, Any]:
    row = run.ratios[pair]
    return {
        "run": run.name,
        "began": run.time.isoformat(),
        "runtime": run.runtime,
        "ratio": row.ratio,
        "lo": row.lo,
        "hi": row.hi,
        "times": words.ratio(row),
        "verdict": words.label(row),
    }
