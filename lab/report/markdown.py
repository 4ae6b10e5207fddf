"""A report as Markdown. Most viewers pass HTML through: what a run brought along must not become any."""

import re
from collections.abc import Iterable, Iterator

from lab.report import page


def render(whole: page.Page) -> str:
    """Return a report as Markdown."""
    return "\n\n".join([f"# {_plain(whole.title)}", *_blocks(whole.intro), *map(_section, whole.sections)]) + "\n"


def _section(section: page.Section) -> str:
    title = ", ".join(filter(None, [section.title, section.beside]))
    return "\n\n".join([f"## {_plain(title)}", *_blocks(section.blocks)])


def _blocks(blocks: Iterable[page.Block]) -> Iterator[str]:
    """Yield the blocks that are not empty here: charts that are no files are in the HTML report alone."""
    yield from filter(None, map(_block, blocks))


def _block(block: page.Block) -> str:
    match block:
        case page.Paragraph():
            link = f" [{block.link[0]}]({block.link[1]})." if block.link else ""
            return f"{'> ' if block.style == 'warning' else ''}{_plain(block.text)}{link}"
        case page.Bullets():
            return "\n".join(map(_item, block.items))
        case page.Heading():
            return f"{'#' * block.level} {_plain(block.text)}"
        case page.Picture() if not block.still:
            return ""
        case page.Picture():
            return "\n".join(f"![{_plain(one.label)}](charts/{one.slug}.svg)" for one in block.charts)
        case page.Code():
            return _fenced("\n".join(block.lines))
        case page.Details():
            inside = list(_blocks(block.blocks))
            return "\n\n".join([f"**{_plain(block.summary)}**", *inside]) if inside else ""
        case page.Table():
            return "\n".join(_table(block))


def _item(item: page.Item) -> str:
    return f"- {f'**{_plain(item.lead)}**: ' if item.lead else ''}{_plain(item.text)}"


def _table(table: page.Table) -> Iterator[str]:
    yield _line(map(_head, table.heads))
    yield _line("--:" if head.numeric else "---" for head in table.heads)
    for row in table.rows:
        cells = ["; ".join(map(_text, cell)) for cell in row.cells]
        yield _line([*cells, *[""] * (len(table.heads) - len(cells))])


def _head(head: page.Head) -> str:
    """Return a title with its unit: `p50, ms`, `connects/request`, `threads (server)`."""
    joint = {"": "", "/": "", "(": " "}.get(head.unit[:1], ", ")
    return f"{head.title}{joint}{head.unit}"


def _line(cells: Iterable[str]) -> str:
    """Return a row; a line break or an upright bar would end a cell."""
    escaped = (_plain(cell).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _text(text: page.Text) -> str:
    marked = f"**{text.text}**" if text.tone == "strong" else text.text
    return " ".join(filter(None, [marked, text.small]))


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;")


def _fenced(text: str) -> str:
    """Return a code block, whose fence is longer than any in the text."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`{3,}", text))])
    return f"{fence}\n{text}\n{fence}"
