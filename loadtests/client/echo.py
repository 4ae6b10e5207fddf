"""A WebSocket on the fast connection: wsproto shakes hands and reads frames, this module moves the bytes."""

import json
from collections.abc import Iterator
from typing import Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Event, Ping, RejectConnection, Request, TextMessage
from wsproto.frame_protocol import FrameProtocol
from wsproto.utilities import ProtocolError

from client.fast import FastUser
from client.wire import Connection, Fault


class EchoConnection(Connection):
    """Opened with a handshake; each exchange is one text there and one back."""

    target = "/"

    def _open(self) -> None:
        super()._open()
        host, port = self.address
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._send(self._protocol.send(Request(host=f"{host}:{port}", target=self.target)))
        answer = next(self._events())
        if isinstance(answer, RejectConnection):
            raise Fault(f"status {answer.status_code}")
        if not isinstance(answer, AcceptConnection):
            raise Fault("not a WebSocket")
        self.status = 200
        self._kept = True

    def _talk(self, frame: bytes) -> bytes:
        self._send(frame)
        data = self._receive()
        if data and data == self._known:  # the very frame that wsproto last found to be a whole text
            return self._known_body
        parts = []
        for event in self._events(data):
            if not isinstance(event, TextMessage):
                raise Fault("closed by the server")
            parts.append(event.data)
            if event.message_finished:
                break
        body = "".join(parts).encode()
        self._known = data if len(data) == _frame_bytes(body) and data.endswith(body) else None
        self._known_body = body
        return body

    def _events(self, data: bytes | None = None) -> Iterator[Event]:
        """Read what the server sends, and answer its pings; `data` are bytes that have come already."""
        while True:
            data = self._receive() if data is None else data
            if not data:
                raise Fault("cut off")
            try:
                self._protocol.receive_data(data)
                for event in self._protocol.events():
                    if isinstance(event, Ping):
                        self._send(self._protocol.send(event.response()))
                    else:
                        yield event
            except ProtocolError:
                raise Fault("not a WebSocket") from None
            data = None


def _frame_bytes(body: bytes) -> int:
    """Return the length of a server's one frame for a text (RFC 6455, section 5.2)."""
    return len(body) + (2 if len(body) < 126 else 4 if len(body) < 65_536 else 10)


class EchoUser(FastUser):
    """Sends its body as a text again and again; a right answer is what was sent."""

    abstract = True
    verb = "WS"

    @classmethod
    def prepare(cls, host: str) -> None:
        """Prepare as for any user; its connections know the path."""
        super().prepare(host)
        cls.connection_class = type("EchoConnection", (EchoConnection,), {"target": cls.path})

    @classmethod
    def requests(cls) -> Iterator[Any]:
        """Return the one frame that all users send, masked as a client must."""
        yield FrameProtocol(client=True, extensions=[]).send_data(json.dumps(cls.body), fin=True)
