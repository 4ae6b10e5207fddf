"""Check that a stack speaks cleartext HTTP/2, by prior knowledge, as it declares."""

import socket
from collections.abc import Iterator

from h2.connection import H2Connection
from h2.events import DataReceived, Event, RemoteSettingsChanged, ResponseReceived, StreamEnded
from h2.exceptions import ProtocolError

from lab.contract.ask import PATIENCE_S, Check, Finding, connect, differs
from lab.model.stack import Stack

PATH = "/h2/json"
"""Stands for `GET /json` by HTTP/2."""
JSON = Check("/json", answer={"message": "Hello, World!"})
REFUSAL_S = 1.0
"""How long a server that does not speak HTTP/2 has to say so, or nothing."""


def http2(address: str, stack: Stack) -> list[Finding]:
    """Check that `/json` is answered by HTTP/2 too; the server of a stack that omits it must not speak it."""
    if stack.serves and stack.why_omitted(PATH):
        return []
    try:
        with connect(address) as peer:
            if stack.why_omitted(PATH):
                peer.settimeout(REFUSAL_S)
                said = "declared as omitted, but the server speaks it" if _speaks(peer) else None
            else:
                peer.settimeout(PATIENCE_S)
                said = _wrong(peer, address)
    except (OSError, ProtocolError) as error:
        said = None if stack.why_omitted(PATH) else repr(error)
    return [Finding(PATH, f"GET /json by HTTP/2: {said}")] if said else []


def _speaks(peer: socket.socket) -> bool:
    protocol = H2Connection()
    protocol.initiate_connection()
    return any(isinstance(event, RemoteSettingsChanged) for event in _events(peer, protocol))


def _wrong(peer: socket.socket, address: str) -> str | None:
    protocol = H2Connection()
    protocol.initiate_connection()
    headers = [(":method", "GET"), (":scheme", "http"), (":authority", address), (":path", JSON.path)]
    protocol.send_headers(1, headers, end_stream=True)
    status, body = b"", b""
    for event in _events(peer, protocol):
        if isinstance(event, ResponseReceived):
            status = dict(event.headers or ())[b":status"]
        elif isinstance(event, DataReceived):
            body += event.data or b""
        elif isinstance(event, StreamEnded):
            break
    if not status:
        return f"not spoken: serve it, or name {PATH} with the reason in the label lab.omits"
    return differs(int(status), body, JSON)


def _events(peer: socket.socket, protocol: H2Connection) -> Iterator[Event]:
    while True:
        peer.sendall(protocol.data_to_send())
        data = peer.recv(65_536)
        if not data:
            return
        yield from protocol.receive_data(data)
