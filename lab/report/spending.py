"""What stacks cost: CPU time of a request, memory, the layers of a request, and what it takes to start."""

from collections.abc import Iterator, Sequence

from lab.answers.decide import Answer, Weighed
from lab.answers.estimate import Estimate, Missing
from lab.report import page, start, words
from lab.report.chapter import filled
from lab.report.charts import costs
from lab.report.charts.drawing import Chart
from lab.report.start import Start
from lab.report.view import View

TITLE = "What a request and a server cost"
LAYERS = "The layers of a request"
START = "What it takes to start"
_FEWEST = 3
"""So many layers make a cake."""


def sections(view: View) -> Iterator[page.Section]:
    """Yield the costs that are known."""
    starts = start.starts(view.run)
    if drawn := tuple(_charts(view, starts)):
        yield page.Section(TITLE, (page.Paragraph(_told(view), "soft"), page.Picture(drawn)))
    for answer in view.answers:
        if layers := cake(answer):
            yield page.Section(LAYERS, tuple(_cake(answer.experiment.statement, layers)))
    if starts:
        heads, rows = filled(start.COLUMNS, starts, [one.stack for one in starts])
        table = page.Table(START, heads, rows, "narrow")
        yield page.Section(START, (table, page.Paragraph(" ".join(start.note(view.run)), "soft")))


def _told(view: View) -> str:
    return (
        f"CPU time is the server's, {words.load(_load(view))}: 100 µs a request are 100 s for a million requests. "
        "The tables of the scenarios have it with its interval."
        if _load(view)
        else "Memory in MB of 10^6 bytes."
    )


def _load(view: View) -> str:
    """Return the first load under which throughput decides; empty where the run has none."""
    return next((section.load for section in view.sections if section.metric == "rps"), "")


def _charts(view: View, starts: Sequence[Start]) -> Iterator[Chart]:
    load = _load(view)
    cells = [line.cell for section in view.sections if section.load == load for line in section.lines]
    if drawn := costs.of_cpu("cpu-per-request", cells):
        yield drawn
    idle_mb = {one.stack: one.idle_mb for one in starts if one.idle_mb is not None}
    most_mb: dict[str, float] = {}
    for section in view.sections:
        for line in section.lines:
            if memory := line.cell.amount("memory_mb"):
                most_mb[line.cell.stack] = max(memory, most_mb.get(line.cell.stack, 0))
    if drawn := costs.of_memory("memory", idle_mb, {name: most_mb[name] for name in idle_mb if name in most_mb}):
        yield drawn


def cake(answer: Answer) -> list[tuple[str, Estimate]]:
    """Return the layers of a whole with their names: each is what one adds to what the one before is of. The last is the whole.

    Empty where the evidence of a statement has no such chain, or a part of it was not measured.
    """
    chain: list[Weighed] = []
    for one in answer.weighed:
        evidence, below = one.evidence, chain[-1].evidence.of if chain else None
        if evidence.over is None and not evidence.of.step and (not chain or below in (evidence.less, evidence.of)):
            chain.append(one)
            if chain[1:] and evidence.less is None:
                break
    known = [(one.evidence.says, one.estimate) for one in chain if not isinstance(one.estimate, Missing)]
    whole = len(chain) > _FEWEST and chain[-1].evidence.less is None
    return known if whole and len(known) == len(chain) else []


def _cake(statement: str, layers: Sequence[tuple[str, Estimate]]) -> Iterator[page.Block]:
    yield page.Paragraph(f"CPU time of a request, each layer by what it adds to the ones before: {statement}", "soft")
    yield page.Picture((costs.of_layers("layers", layers[:-1]),))
    heads = (page.Head("layer", numeric=False), page.Head("CPU time", "µs a request"), page.Head("95 % interval", "µs"))
    rows = (
        page.row(name, words.number(found.value), f"{words.number(found.lo)} to {words.number(found.hi)}")
        for name, found in layers
    )
    yield page.Table(LAYERS, heads, tuple(rows), "narrow")
