"""Server-sent events on the fast connection, and when each of them came."""

import json
from array import array
from collections.abc import Iterator
from time import monotonic
from typing import Any

from client.fast import FastUser
from client.wire import Connection

DONE = "[DONE]"
_END = f"data: {DONE}".encode()


class EventConnection(Connection):
    """Notes when the parts of a body come; a server that streams sends each event as a part."""

    def __init__(self, *settings: Any) -> None:
        super().__init__(*settings)
        self.arrivals: list[float] = []
        """CLOCK_MONOTONIC at each event of the last body."""
        self.on_body = self._note

    def exchange(self, request: bytes, start_s: float) -> bytes:
        """Exchange as for any connection; the parts are noted for each request."""
        self.arrivals.clear()
        self._known = None  # each body must come by the parser, or its parts would go unseen
        return super().exchange(request, start_s)

    def _note(self, part: bytes) -> None:
        if not part.startswith(_END):  # it comes at once after the last event: no gap of the stream
            self.arrivals.append(monotonic())
        self._parts.append(part)


class EventUser(FastUser):
    """Reads whole streams; the time to the first event and the gaps between events are kept beside the latency."""

    abstract = True
    connection: EventConnection
    streams = True
    connection_class = EventConnection

    @classmethod
    def prepare(cls, host: str) -> None:
        """Prepare as for any user; the times are kept for all users together."""
        super().prepare(host)
        cls.expected.secondary_timings = {name: (array("d"), array("f")) for name in ("first event", "gap")}

    @staticmethod
    def decode(body: bytes) -> Any:
        """Return the JSON of all events but the [DONE] at the end, without which the stream was cut off."""
        *events, last, rest = (event.removeprefix("data: ") for event in body.decode().split("\n\n"))
        if last != DONE or rest:
            raise ValueError(f"the stream ends with {last!r}")
        return {"events": [json.loads(event) for event in events]}

    def ask(self, start_s: float) -> str | None:
        """Read the next stream; None where it is correct, else the reason why not."""
        reason = super().ask(start_s)
        if reason is None:
            for name, seconds in self.secondary_timings(start_s):
                starts, times = self.expected.secondary_timings[name]
                starts.append(start_s)
                times.append(seconds)
        return reason

    def secondary_timings(self, start_s: float) -> Iterator[tuple[str, float]]:
        """Yield the seconds to the first event of the last stream, and between each event and the next."""
        before = start_s
        for name, arrival in zip(self._names(), self.connection.arrivals, strict=False):
            yield name, arrival - before
            before = arrival

    @staticmethod
    def _names() -> Iterator[str]:
        yield "first event"
        while True:
            yield "gap"
