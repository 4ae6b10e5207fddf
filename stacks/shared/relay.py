"""The relay of a streamed chat completion: each chunk of `upstream` through the parser, and on as an event.

The format is that of server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import json

from stacks.shared import parser

MEDIA_TYPE = "text/event-stream"
PREFIX = b"data: "
DONE = b"[DONE]"


def event(line: bytes) -> bytes | None:
    """The event to send for a line that came from `upstream`; None for the empty line that ends each event there."""
    data = line.strip().removeprefix(PREFIX)
    if not data:
        return None
    return b"%b%b\n\n" % (PREFIX, DONE if data == DONE else _through_parser(data))


def _through_parser(data: bytes) -> bytes:
    delta = json.loads(data)["choices"][0]["delta"]
    return json.dumps(parser.answer(parser.text_of(delta)), separators=(",", ":")).encode()
