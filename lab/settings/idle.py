"""How long servers really keep a connection on which nothing happens."""

import contextlib
import selectors
import socket
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException

_PATIENCE_S = 10


def kept_s(ports: Mapping[str, int], most_s: float) -> dict[str, float | None]:
    """Return label -> seconds from a response to the end of its connection, all watched at once.

    0: the connection was closed with the response. None: it was still open after `most_s`. A server that does not answer
    is left out.
    """
    found: dict[str, float | None] = {}
    with selectors.DefaultSelector() as watched, contextlib.ExitStack() as open_:
        for label, port in ports.items():
            try:
                connection = _answered(port)
            except (OSError, HTTPException):
                continue
            if connection is None:
                found[label] = 0.0
            else:
                found[label] = None
                watched.register(open_.enter_context(connection), selectors.EVENT_READ, (label, time.monotonic()))
        return found | _ends(watched, most_s)


def _answered(port: int) -> socket.socket | None:
    """Return a connection that has brought one response; None where the server closes it with the response."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    connection.request("GET", "/health")
    connection.getresponse().read()
    return connection.sock


def _ends(watched: selectors.BaseSelector, most_s: float) -> dict[str, float]:
    """Wait for each connection's end; what comes before it is read and thrown away (an HTTP/2 server says goodbye)."""
    deadline_s = time.monotonic() + most_s
    found: dict[str, float] = {}
    while watched.get_map() and (left_s := deadline_s - time.monotonic()) > 0:
        for key, _ in watched.select(left_s):
            label, began_s = key.data
            connection: socket.socket = key.fileobj  # type: ignore[assignment]  # only sockets are registered
            if not _read(connection):
                found[label] = time.monotonic() - began_s
                watched.unregister(connection)
                connection.close()
    return found


def _read(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionError:
        return b""
