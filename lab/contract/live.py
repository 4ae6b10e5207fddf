"""What one request and its answer cannot show: clients that go, connections that stay, events one by one, echo."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, RejectConnection, Request, TextMessage
from wsproto.utilities import ProtocolError

from lab.contract.ask import UNSERVED, Check, Finding, ask, connect, judged, opened, reset, unlike_200
from lab.model.stack import Stack

MANY = 1_100
"""Requests on one connection: servers end theirs after 100 or 1,000 unless they are told otherwise."""
LINE_BYTES = 100_000
"""A request line that servers may refuse; the contract's own are below 4 KB."""
GONE = (
    (Check("/wait", "ms=50"), 8),
    (Check("/db/one", "ms=50"), 25),
    (Check("/stream", "chunks=100&ms=1"), 8),
    (Check("/parse/plain", body=b"{}"), 8),
)
"""What is asked, and how many clients go before they are answered; of the database more than it has connections."""
FIRST_BEFORE_S = 0.2
"""Events 0.1 s apart, the first of five: 0.4 s before the end."""
MESSAGES = ("", "a", "ü€😀", "x" * 125, "x" * 126, "x" * 65_536)
"""Texts around the lengths at which the frame of a WebSocket changes its form."""


def clients_that_go(address: str, stack: Stack) -> list[Finding]:
    """Check that the server answers after clients have reset in the middle of a request or of its body."""
    found: list[Finding] = []
    for check, clients in GONE:
        if stack.why_omitted(check.path) is None:
            said = f"{check} after {clients} clients went in the middle of theirs"
            found += judged(check.path, said, _after_clients(address, check, clients))
    return found


def _after_clients(address: str, check: Check, clients: int) -> Iterator[str]:
    for _ in range(clients):
        _go(address, check)
    yield from unlike_200(address, check)


def _go(address: str, check: Check) -> None:
    length = "" if check.body is None else f"Content-Length: {len(check.body) + 1_000}\r\n"
    head = f"{check.method} {check.target} HTTP/1.1\r\nHost: {address}\r\n{length}\r\n".encode()
    with connect(address) as peer:
        peer.sendall(head + (check.body or b""))
        reset(peer)


def long_lived(address: str, stack: Stack) -> list[Finding]:
    """Check that no connection ends for its number of requests, except on a stack that declares to keep none."""
    if stack.keeps_none:
        return []
    check, served = Check("/health"), 0
    try:
        with opened(address) as connection:
            connection.connect()
            while served < MANY and connection.sock is not None:
                ask(connection, check)
                served += 1
    except (OSError, HTTPException) as error:
        return [Finding(check.path, f"{check}: after {served} requests on one connection: no answer ({error!r})")]
    if served == MANY:
        return []
    return [
        Finding(check.path, f"{check}: the connection was ended after {served} requests, there must be no such limit")
    ]


def long_line(address: str, stack: Stack) -> list[Finding]:
    """Check that a request line that is too long is answered, refused, or its connection closed, and the next is answered."""
    check = Check("/json", f"x={'x' * LINE_BYTES}")
    if stack.why_omitted(check.path):
        return []
    said = f"GET {check.path} with a query of {LINE_BYTES} bytes"
    after = f"GET {check.path} after {said}"
    return [
        *judged(check.path, said, _too_long(address, check)),
        *judged(check.path, after, unlike_200(address, Check(check.path))),
    ]


def _too_long(address: str, check: Check) -> Iterator[str]:
    with opened(address) as connection, suppress(ConnectionError):
        if (status := ask(connection, check)[0]) not in (200, 400, 414, 431):
            yield str(status)


def events_at_once(address: str, stack: Stack) -> list[Finding]:
    """Check that the first event of a stream comes long before the last, also on a busy machine."""
    check = Check("/stream", "chunks=5&ms=100")
    if stack.why_omitted(check.path):
        return []
    return judged(check.path, check, _held_back(address, check))


def _held_back(address: str, check: Check) -> Iterator[str]:
    with opened(address) as connection:
        connection.request(check.method, check.target)
        response = connection.getresponse()
        response.readline()
        first = time.monotonic()
        response.read()
        apart_s = time.monotonic() - first
    if apart_s < FIRST_BEFORE_S:
        yield f"the first event came {apart_s:.2f} s before the end instead of 0.4 s, events are held back"


def echo(address: str, stack: Stack) -> list[Finding]:
    """Check that a WebSocket sends each text back, and closes when asked to."""
    if stack.why_omitted("/ws"):
        return []
    try:
        with connect(address) as peer:
            return [Finding("/ws", said) for said in _converse(peer, address)]
    except (OSError, ProtocolError) as error:
        return [Finding("/ws", f"WS /ws: {error!r}")]


def _refusal(answer: Event | None) -> str:
    if isinstance(answer, RejectConnection):
        return f"status {answer.status_code}, {UNSERVED}"
    return repr(answer)


def _converse(peer: socket.socket, address: str) -> Iterator[str]:
    protocol = WSConnection(ConnectionType.CLIENT)
    events = _events(peer, protocol)
    peer.sendall(protocol.send(Request(host=address, target="/ws")))
    if not isinstance(answer := next(events, None), AcceptConnection):
        yield f"WS /ws: not accepted ({_refusal(answer)})"
        return
    for text in MESSAGES:
        peer.sendall(protocol.send(TextMessage(text)))
        if (back := _message(events)) != text:
            yield f"WS /ws: {text[:20]!r} came back as {back and back[:20]!r}"
    peer.sendall(protocol.send(CloseConnection(1000)))
    if not isinstance(end := next(events, None), CloseConnection):
        yield f"WS /ws: {end} instead of the end"


def _message(events: Iterator[Event]) -> str | None:
    parts = []
    for event in events:
        if not isinstance(event, TextMessage):
            return None
        parts.append(event.data)
        if event.message_finished:
            return "".join(parts)
    return None


def _events(peer: socket.socket, protocol: WSConnection) -> Iterator[Event]:
    while True:
        data = peer.recv(65_536)
        protocol.receive_data(data or None)
        yield from protocol.events()
        if not data:
            return
