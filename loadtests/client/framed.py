"""Cleartext HTTP/2 on the fast connection: h2 reads and writes the frames, this module moves the bytes."""

from collections.abc import Iterator
from typing import Any

from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from client.fast import FastUser
from client.wire import Connection, Fault, Silent

PREFIX = "/h2"
"""Of the scenario's path: the server is asked for what comes after it."""


class FramedConnection(Connection):
    """Each exchange is a stream of its own on the one connection; the request is its list of headers."""

    def _open(self) -> None:
        super()._open()
        self._h2 = H2Connection()
        self._h2.initiate_connection()

    def _talk(self, request: Any) -> bytes:
        stream = self._h2.get_next_available_stream_id()
        self._h2.send_headers(stream, request, end_stream=True)
        parts = []
        try:
            for event in self._events():
                if isinstance(event, ResponseReceived):
                    self.status = int(dict(event.headers)[b":status"])
                elif isinstance(event, DataReceived):
                    self._h2.acknowledge_received_data(event.flow_controlled_length, stream)
                    parts.append(event.data)
                elif isinstance(event, StreamEnded):
                    break
                elif isinstance(event, StreamReset | ConnectionTerminated):
                    raise Fault("ended by the server")
        except ProtocolError:
            raise Fault("not HTTP/2") from None
        self._kept = True
        return b"".join(parts)

    def _events(self) -> Iterator[Event]:
        silent = True
        while True:
            self._send(self._h2.data_to_send())
            data = self._receive()
            if not data:
                raise Silent if silent else Fault("cut off")
            silent = False
            yield from self._h2.receive_data(data)


class H2User(FastUser):
    """As the fast user, by HTTP/2."""

    abstract = True
    connection_class = FramedConnection

    @classmethod
    def requests(cls) -> Iterator[Any]:
        """Return the headers that all users send."""
        host, port = cls.address
        target = cls.path.removeprefix(PREFIX)
        yield [(":method", "GET"), (":scheme", "http"), (":authority", f"{host}:{port}"), (":path", target)]
