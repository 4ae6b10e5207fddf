"""What a person is told of all runs: one line for each, on the terminal and on the page of all runs, and as JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from lab.report import words
from lab.report.pair import HANDLERS, Pair
from lab.report.runs import Past

HEADS = ("run", "began, UTC", "profile", "runtime", "machine", "blocks", "stacks", "ratio")
NUMERIC = ("blocks", "stacks")
NONE = "There is no run yet: `make bench` makes one."
_UNFINISHED = "unfinished"


def about(pair: Pair | None) -> str:
    """Return what the ratio is, as a sentence."""
    if pair is None:
        return "No run compares two stacks by throughput under closed load."
    where = f"{pair.scenario} at {words.load(pair.load)}"
    said = f"The ratio is the throughput of {pair.stack} over that of {pair.reference}, {where}"
    if pair.factors == (HANDLERS,):
        return f"{said}: what `async def` brings instead of `def`. No contrast of handlers is in more runs."
    return f"{said}. No pair is in more runs, and no contrast of handlers in any."


def cells(run: Past, pair: Pair | None) -> list[str]:
    """Return a run's cells in the order of the heads; the last one of a broken run is its second, and says what is wrong."""
    if run.is_broken:
        return [run.name, run.problem]
    blocks = words.NOTHING if run.blocks is None else str(run.blocks)
    stacks = str(len(run.stacks)) if run.stacks else words.NOTHING
    return [run.name, began(run), run.profile, run.runtime, run.machine, blocks, stacks, ratio(run, pair)]


def began(run: Past) -> str:
    when = f"{run.started_at:%Y-%m-%d %H:%M}" if run.started_at else words.NOTHING
    return when if run.is_finished else f"{when}, {_UNFINISHED}"


def ratio(run: Past, pair: Pair | None) -> str:
    """Return the ratio with its interval, a dash where the run does not have it, or why it cannot be read."""
    row = run.ratios.get(pair) if pair else None
    return run.problem or (words.ratio(row) if row else words.NOTHING)


def lines(runs: Sequence[Past], pair: Pair | None) -> Iterator[RenderableType]:
    """Yield the runs as a table for a terminal, and what the ratio is."""
    if not runs:
        yield Text(NONE)
        return
    run, *others = (Column(head, justify="right" if head in NUMERIC else "left", overflow="fold") for head in HEADS)
    table = Table(replace(run, no_wrap=True), *others, box=None, pad_edge=False)
    for one in runs:
        first, *rest = map(Text, cells(one, pair))
        table.add_row(first, *([Text()] * (len(HEADS) - 2) if one.is_broken else ()), *rest)
    yield table
    yield Text(about(pair))


def as_json(runs: Sequence[Past], pair: Pair | None) -> str:
    """Return the runs as a list of objects; what is not known is null."""
    return json.dumps([_object(run, pair) for run in runs], indent=1)


def _object(run: Past, pair: Pair | None) -> dict[str, object]:
    row = run.ratios.get(pair) if pair else None
    figures = {name: getattr(row, name) for name in ("ratio", "lo", "hi", "verdict")} if row else {}
    return {
        "name": run.name,
        "started_at": run.started_at.isoformat() if run.started_at else None,
        "finished": run.is_finished,
        **{name: getattr(run, name) or None for name in ("profile", "runtime", "machine", "report", "problem")},
        "blocks": run.blocks,
        "stacks": run.stacks,
        "headline": {**pair._asdict(), **figures} if row and pair else None,
    }
