"""What a report is made of, without a format: Markdown and HTML are rendered from the same blocks."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lab.report.charts.drawing import Chart


def slug(text: str) -> str:
    """Return a text as part of a file's name and of an address."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower().replace("%", " percent")).strip("-")


@dataclass(frozen=True)
class About:
    """What a part of a report is about: a reader can filter by it. Empty of what the part does not depend on."""

    stacks: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    loads: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()


ALL = About()


@dataclass(frozen=True)
class Text:
    """A line of a table's cell: `small` is a further detail, `tone` is better, worse or strong."""

    text: str
    small: str = ""
    tone: str = ""
    value: float | None = None
    """What a table is sorted by; None where it is the text."""
    anchor: str = ""
    """The section that it leads to."""
    link: str = ""
    """The address that it leads to, outside of the page."""


@dataclass(frozen=True)
class Head:
    """Head of a column; `meaning` explains it."""

    title: str
    unit: str = ""
    meaning: str = ""
    numeric: bool = True
    about: About = ALL


STACK = Head("stack", numeric=False)


@dataclass(frozen=True)
class Row:
    """A row of a table; one with fewer cells than the table has heads ends there."""

    cells: tuple[tuple[Text, ...], ...]
    outcome: str = ""
    about: About = ALL


def row(*cells: str | Text | Sequence[Text], outcome: str = "", about: About = ALL) -> Row:
    """Return a row, whose cells are one line each or several."""
    lines = (Text(cell) if isinstance(cell, str) else cell for cell in cells)
    return Row(tuple((cell,) if isinstance(cell, Text) else tuple(cell) for cell in lines), outcome, about)


@dataclass(frozen=True)
class Table:
    label: str
    heads: tuple[Head, ...]
    rows: tuple[Row, ...]
    style: str = ""
    """wide where empty, narrow, facts, or contrasts."""


@dataclass(frozen=True)
class Heading:
    """A heading inside a section, of level 3, or of level 2 before the first one."""

    text: str
    level: int = 3


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
    about: About = ALL


@dataclass(frozen=True)
class Bullets:
    items: tuple[Item, ...]
    style: str = ""
    """findings where they come first in the report."""


@dataclass(frozen=True)
class Picture:
    """Charts beside each other."""

    charts: tuple[Chart, ...]
    still: bool = True
    """Whether each is a file too, and in the Markdown; others are drawn only when a reader of the HTML report asks for them."""


@dataclass(frozen=True)
class Code:
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Details:
    """What not every reader wants; HTML hides it at first."""

    summary: str
    blocks: "tuple[Block, ...]"


Block = Table | Heading | Paragraph | Bullets | Picture | Code | Details


@dataclass(frozen=True)
class Section:
    title: str
    blocks: tuple[Block, ...]
    beside: str = ""
    anchor: str = ""
    about: About = ALL


@dataclass(frozen=True)
class Page:
    """A whole report."""

    name: str
    title: str
    intro: tuple[Block, ...]
    sections: tuple[Section, ...]
    choices: About = ALL
    """What a reader can filter by."""

    @property
    def pictures(self) -> Iterator[Picture]:
        """Return all pictures, in their order."""
        yield from _pictures(self.intro)
        for section in self.sections:
            yield from _pictures(section.blocks)


def _pictures(blocks: Iterable[Block]) -> Iterator[Picture]:
    for block in blocks:
        if isinstance(block, Picture):
            yield block
        elif isinstance(block, Details):
            yield from _pictures(block.blocks)
