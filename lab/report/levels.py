"""What a report says of capacities at a service level, and of what stacks do beyond them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.answers.service_level import OVERLOADS, SHARE, Beyond, Search
from lab.report import page, words

TITLE = "Capacity at a service level"


@dataclass(frozen=True)
class Capacity:
    """A stack's capacity in a scenario, and what it does beyond."""

    stack: str
    scenario: str
    search: Search
    beyond: tuple[Beyond, ...]


def section(found: Sequence[Capacity], limit_ms: float) -> page.Section:
    """Return the capacities and what is beyond them."""
    return page.Section(TITLE, tuple(_blocks(found, limit_ms)))


def _blocks(found: Sequence[Capacity], limit_ms: float) -> Iterator[page.Block]:
    yield page.Paragraph(
        f"The highest rate at which {SHARE * 100:.0f} % of the requests were answered correctly within {limit_ms:g} ms, in two of three trials "
        "of open load; and the lowest rate at which they were not. Goodput are the answers within that limit."
    )
    heads = [
        page.STACK,
        page.Head("scenario", numeric=False),
        page.Head("last pass", "requests/s"),
        page.Head("first fail", "requests/s"),
    ]
    for times in OVERLOADS:
        heads += [
            page.Head(f"goodput at {times:g} x", "requests/s"),
            page.Head("errors"),
            page.Head("p50", "ms"),
            page.Head("drained after", "s"),
        ]
    yield page.Table(TITLE, tuple(heads), tuple(map(_row, found)))
    if reasons := [
        page.Item(f"{one.search.why_not}.", f"{one.stack} {one.scenario}") for one in found if one.search.why_not
    ]:
        yield page.Paragraph("Bound not found:")
        yield page.Bullets(tuple(reasons))


def _row(one: Capacity) -> page.Row:
    cells = [one.stack, one.scenario, _rate(one.search.last_pass), _rate(one.search.first_fail)]
    for beyond in one.beyond:
        cells += [
            words.number(beyond.goodput_rps),
            words.percent(beyond.error_share),
            words.number(beyond.p50_ms),
            words.number(beyond.drain_s, 2),
        ]
    return page.row(*cells)


def _rate(rate: int | None) -> str:
    return words.NOTHING if rate is None else f"{rate:,}"
