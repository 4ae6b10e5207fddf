"""A report as Markdown. Most viewers pass HTML through: what a run brought along must not become any."""

import re
from collections.abc import Iterable, Iterator

from lab.report import page


def render(whole: page.Page) -> str:
    """Return a report as Markdown."""
    parts = [f"# {_plain(whole.title)}", *map(_block, whole.intro), *map(_section, whole.sections)]
    return "\n\n".join(parts) + "\n"


def _section(section: page.Section) -> str:
    title = ", ".join(filter(None, [section.title, section.beside]))
    return "\n\n".join([f"## {_plain(title)}", *map(_block, section.blocks)])


def _block(block: page.Block) -> str:
    match block:
        case page.Paragraph():
            link = f" [{block.link[0]}]({block.link[1]})." if block.link else ""
            return f"{'> ' if block.style == 'warning' else ''}{_plain(block.text)}{link}"
        case page.Bullets():
            return "\n".join(map(_item, block.items))
        case page.ShortAnswer():
            return "\n".join(map(_entry, block.entries))
        case page.Picture():
            return f"![{_plain(block.label)}](charts/{block.slug}.svg)"
        case page.Code():
            return _fenced("\n".join(block.lines))
        case page.Details():
            return "\n\n".join([f"**{_plain(block.summary)}**", *map(_block, block.blocks)])
        case page.Table():
            return "\n".join(_table(block))


def _item(item: page.Item) -> str:
    return f"- {f'**{_plain(item.lead)}**: ' if item.lead else ''}{_plain(item.text)}"


def _entry(entry: page.Entry) -> str:
    phrases = (f"*{phrase.label}*: {', '.join(phrase.stacks)}." for phrase in entry.phrases)
    return f"- **{_plain(entry.scenario)}**, {_plain(' '.join([f'{entry.beside}.', *phrases, *entry.notes]))}"


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
