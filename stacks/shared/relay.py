"""The relay of a streamed chat completion: each chunk of `upstream` through the parser, and on as an event.

The format is that of server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Protocol

from stacks.shared import parser

MEDIA_TYPE = "text/event-stream"
PREFIX = b"data: "
DONE = b"[DONE]"


class Lines(Protocol):
    """Lines that come one by one, and a connection that `aclose` gives up."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


def events(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the events to send for the lines that come from `upstream`."""
    return (event for line in lines if (event := _event(line)))


async def events_async(lines: Lines) -> AsyncIterator[bytes]:
    """Yield `events` on an event loop; gives the lines' connection up where it is cancelled or closed."""
    async with aclosing(lines):
        async for line in lines:
            if event := _event(line):
                yield event


def _event(line: bytes) -> bytes | None:
    """Return the event for a line; None for the empty line that ends each event of `upstream`."""
    data = line.strip().removeprefix(PREFIX)
    if not data:
        return None
    return b"%b%b\n\n" % (PREFIX, DONE if data == DONE else _through_parser(data))


def _through_parser(data: bytes) -> bytes:
    delta = json.loads(data)["choices"][0]["delta"]
    return json.dumps(parser.answer(parser.text_of(delta)), separators=(",", ":")).encode()
