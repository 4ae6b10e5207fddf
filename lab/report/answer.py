"""The last lines of a run on the terminal: what it found in sentences, its headline cells as a table, how sure it is."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lab.report import caveats, findings, page, statements, words
from lab.report.section import Line, Section
from lab.report.view import View

MOST = 60
"""So many cells are shown; of more, only the baseline, the best and the worst stack of each scenario and load."""
_TEXTS = ("scenario", "load", "stack", "beside the baseline")
_STYLES = {"better": "blue", "worse": "yellow", "failed": "red"}
_MARKS = {"better": "▲ ", "worse": "▼ "}


def lines(view: View) -> Iterator[RenderableType]:
    """Yield the verdicts on statements, the findings, the headline cells, how sure the run is, and its warnings."""
    for line in statements.lines(view.answers):
        yield Text(line)
    yield from told(findings.TITLE, findings.found(view))
    if view.run.profile.is_matrix and view.sections:
        yield Text()
        yield _table(view)
    yield Text()
    yield from told(findings.SURE, list(findings.sure(view)))
    for warning in caveats.warnings(view):
        yield Text(f"Warning: {warning}", style="yellow")


def told(title: str, items: Sequence[page.Item]) -> Iterator[RenderableType]:
    """Yield sentences under a title; a line that is too long for the terminal is indented where it goes on."""
    if not items:
        return
    yield Text(title, style="bold")
    for item in items:
        lead = Text(f"{item.lead}: ", style="bold") if item.lead else Text()
        yield Padding(lead.append(item.text, style="not bold"), (0, 0, 0, 2))


def _table(view: View) -> Table:
    cells = [(section, line) for section in view.sections for line in section.lines]
    shown = cells if len(cells) <= MOST else [cell for section in view.sections for cell in _ends(section)]
    left_out = f"; {len(cells) - len(shown)} cells between the best and the worst are in the report" * (shown != cells)
    table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left", title_style="bold", header_style="bold")
    table.title = f"Beside {view.run.baseline}, by the ratio inside each block, with its interval{left_out}"
    for head in (
        "scenario",
        "load",
        "stack",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "CPU µs/request",
        "beside the baseline",
    ):
        table.add_column(head, justify="left" if head in _TEXTS else "right", overflow="fold")
    last = ""
    for section, line in shown:
        name = f"{section.scenario.id} {section.load}"
        table.add_row(*_row(section, line, first=name != last))
        last = name
    return table


def _ends(section: Section) -> list[tuple[Section, Line]]:
    """Return the best line, the baseline's and the worst one."""
    ends = [section.lines[0], section.lines[-1]] if section.lines else []
    return [(section, line) for line in section.lines if line in ends or line.base is line.cell]


def _row(section: Section, line: Line, *, first: bool) -> Iterator[RenderableType]:
    """Yield a cell's figures and its verdict; scenario and load stand in the first line of each."""
    cell, said = line.cell, line.answer
    yield Text(section.scenario.id if first else "")
    yield Text(section.load if first else "")
    yield Text(cell.stack)
    yield from (Text(words.number(cell.amount(name))) for name in ("rps", "p50_ms", "p99_ms", "cpu_us_per_request"))
    text = said.text.partition(" within")[0] + (f" {said.small.partition(', detectable')[0]}" if said.small else "")
    yield Text(f"{_MARKS.get(said.tone, '')}{text}", style=_STYLES.get(said.tone or cell.outcome, ""))
