"""What one request and its answer cannot show: waits that overlap, clients that go, events that come one by one, echo."""

import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from math import ceil

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Request, TextMessage
from wsproto.utilities import ProtocolError

from lab.contract.ask import PATIENCE_S, Finding, ask, connect
from lab.contract.checks import Check
from lab.nouns import Stack

EARLY = 0.95
WAIT_S = 0.2
FEW = 8
"""Clients that wait at once where one worker takes one request at a time."""
POOL = 20
"""Connections to the database: as many requests can wait for it at once on any stack."""
GONE = {"/wait": ("ms=50", 8), "/db/one": ("ms=50", 25), "/stream": ("chunks=100&ms=1", 8)}
"""Path -> query, and how many clients go before they are answered; of the database more than it has connections."""
MESSAGES = ("", "a", "ü€😀", "x" * 125, "x" * 126, "x" * 65_536)
"""Texts around the lengths at which the frame of a WebSocket changes its form."""


def overlap(address: str, stack: Stack) -> list[Finding]:
    """Waits of several clients overlap exactly as far as the model allows: one, as many as there are slots, or all.

    Those for the database and for `upstream` overlap as far as the pool allows: their clients must not block the server.
    """
    at_once = {"sync": 1, "threads": stack.slots}.get(stack.model)
    many = {"sync": FEW, "threads": stack.slots * 3 // 2}.get(stack.model, stack.slots * 5 // 2)
    clients = {"/wait": many, "/db/one": min(many, POOL), "/http/one": min(many, POOL)}
    return [
        finding
        for path, number in clients.items()
        if stack.why_omitted(path) is None
        for finding in _overlap(address, Check(path, f"ms={WAIT_S * 1000:.0f}"), number, at_once or number)
    ]


def _overlap(address: str, check: Check, clients: int, at_once: int) -> Iterator[Finding]:
    def wait(_: int) -> int:
        connection = HTTPConnection(address, timeout=PATIENCE_S)
        try:
            return ask(connection, check)[0]
        finally:
            connection.close()

    start = time.monotonic()
    with ThreadPoolExecutor(clients) as threads:
        try:
            statuses = set(threads.map(wait, range(clients)))
        except (OSError, HTTPException) as error:
            yield Finding(check.path, f"{check} by {clients} clients at once: no answer ({error!r})")
            return
    took_s = time.monotonic() - start
    turns = ceil(clients / at_once)
    if statuses != {200}:
        yield Finding(check.path, f"{check} by {clients} clients at once: {statuses}")
    elif not turns * EARLY <= took_s / WAIT_S <= turns * 1.5 + 1:
        said = f"took {took_s:.2f} s, but with {at_once} at once it is {turns * WAIT_S:.2f} s"
        yield Finding(check.path, f"{check} by {clients} clients at once: {said}")


def clients_that_go(address: str, stack: Stack) -> list[Finding]:
    """Clients reset their connections in the middle of a request; the server must live and answer the next one."""
    found = []
    for path, (query, clients) in GONE.items():
        if stack.why_omitted(path):
            continue
        check = Check(path, query)
        connection = HTTPConnection(address, timeout=PATIENCE_S)
        try:
            for _ in range(clients):
                _go(address, check)
            status = str(ask(connection, check)[0])
        except (OSError, HTTPException) as error:
            status = f"no answer ({error!r})"
        finally:
            connection.close()
        if status != "200":
            found.append(Finding(path, f"{check} after {clients} clients went in the middle of theirs: {status}"))
    return found


def _go(address: str, check: Check) -> None:
    with connect(address) as peer:
        peer.sendall(f"{check.method} {check.target} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        # Without lingering, close() resets the connection at once.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def events_at_once(address: str, stack: Stack) -> list[Finding]:
    """The first event of a stream comes long before the last."""
    check = Check("/stream", "chunks=5&ms=100")
    if stack.why_omitted(check.path):
        return []
    connection = HTTPConnection(address, timeout=PATIENCE_S)
    try:
        connection.request(check.method, check.target)
        start = time.monotonic()
        response = connection.getresponse()
        response.readline()
        first_s = time.monotonic() - start
        response.read()
    except (OSError, HTTPException) as error:
        return [Finding(check.path, f"{check}: no stream ({error!r})")]
    finally:
        connection.close()
    if first_s < 0.3:
        return []
    return [Finding(check.path, f"{check}: the first event came after {first_s:.2f} s, events are held back")]


def echo(address: str, stack: Stack) -> list[Finding]:
    """A WebSocket sends each text back, and ends when it is told to."""
    if stack.why_omitted("/ws"):
        return []
    try:
        with connect(address) as peer:
            return [Finding("/ws", said) for said in _converse(peer, address)]
    except (OSError, ProtocolError) as error:
        return [Finding("/ws", f"WS /ws: {error!r}")]


def _converse(peer: socket.socket, address: str) -> Iterator[str]:
    protocol = WSConnection(ConnectionType.CLIENT)
    events = _events(peer, protocol)
    peer.sendall(protocol.send(Request(host=address, target="/ws")))
    if not isinstance(answer := next(events, None), AcceptConnection):
        yield f"WS /ws: not accepted ({answer})"
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
