"""What a report is made of, without a format: Markdown and HTML are rendered from the same blocks."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """A line of a table's cell: `small` is a further detail, `tone` is better, worse or strong."""

    text: str
    small: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Head:
    """Head of a column; `meaning` explains it."""

    title: str
    unit: str = ""
    meaning: str = ""
    numeric: bool = True


STACK = Head("stack", numeric=False)


@dataclass(frozen=True)
class Row:
    """A row of a table; one with fewer cells than the table has heads ends there."""

    cells: tuple[tuple[Text, ...], ...]
    outcome: str = ""


def row(*cells: str | Text | Sequence[Text], outcome: str = "") -> Row:
    """Return a row, whose cells are one line each or several."""
    lines = (Text(cell) if isinstance(cell, str) else cell for cell in cells)
    return Row(tuple((cell,) if isinstance(cell, Text) else tuple(cell) for cell in lines), outcome)


@dataclass(frozen=True)
class Table:
    label: str
    heads: tuple[Head, ...]
    rows: tuple[Row, ...]
    style: str = ""
    """wide where empty, narrow, facts, or contrasts."""


@dataclass(frozen=True)
class Paragraph:
    """`style` is soft, warning or plain; the link comes last."""

    text: str
    style: str = ""
    link: tuple[str, str] | None = None
    """Its text and its address."""


@dataclass(frozen=True)
class Item:
    text: str
    lead: str = ""
    style: str = ""


@dataclass(frozen=True)
class Bullets:
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Phrase:
    """A kind of verdict, and the stacks that it concerns."""

    label: str
    tone: str
    stacks: tuple[str, ...]
    """Names with their ratio, where there is one."""


@dataclass(frozen=True)
class Entry:
    """What the short answer says of one scenario."""

    scenario: str
    anchor: str
    beside: str
    phrases: tuple[Phrase, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ShortAnswer:
    baseline: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Picture:
    slug: str
    label: str


@dataclass(frozen=True)
class Code:
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Details:
    """What not every reader wants; HTML hides it at first."""

    summary: str
    blocks: "tuple[Block, ...]"


Block = Table | Paragraph | Bullets | ShortAnswer | Picture | Code | Details


@dataclass(frozen=True)
class Section:
    title: str
    blocks: tuple[Block, ...]
    beside: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class Page:
    """A whole report."""

    name: str
    title: str
    intro: tuple[Block, ...]
    sections: tuple[Section, ...]
