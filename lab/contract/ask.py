"""One request of the contract and what must come back, how it is asked, and what is said of a stack that fails it."""

import json
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

PATIENCE_S = 30.0
PIECE_BYTES = 10_000
SERVER = "/health"
"""Path of findings that concern the whole server; no scenario asks it, so a run leaves none out for them."""
UNSERVED = "path not served: serve it, or name it with the reason in the label lab.omits"
PROMISED = "path not served: serve it, or leave it out of the label lab.serves"


@dataclass(frozen=True)
class Check:
    """One request and what must come back: `answer` (or `events`) for 200, an error with a reason for any other status."""

    path: str
    query: str = ""
    body: bytes | None = None
    """Sent by POST; None is a GET."""
    status: int = 200
    answer: object = None
    kinds: Mapping[str, tuple[type, ...]] | None = None
    """Instead of one answer: an object with exactly these keys, each with a value of one of these kinds."""
    events: tuple[object, ...] | None = None
    """Server-sent events instead of one answer: the JSON of each, without the [DONE] at the end."""
    also: tuple[int, ...] = ()
    """Other statuses that are as right, with any body."""
    pieces: bool = False
    """The body is sent in pieces (chunked) instead of with its length."""
    absent: bool = False
    """The stack must not have the path: 404 or 501, with any body."""
    at_least_s: float = 0.0
    under_s: float | None = None

    def __str__(self) -> str:
        body = "" if self.body is None else f" {self.body[:60]!r}"
        return f"{self.method} {self.target[:200]}{body}{' in pieces' if self.pieces else ''}"

    @property
    def method(self) -> str:
        """Return POST where there is a body, else GET."""
        return "GET" if self.body is None else "POST"

    @property
    def target(self) -> str:
        """Return path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True)
class Finding:
    """Something that a stack does otherwise than the contract says."""

    path: str
    sentence: str
    """Begins with the request."""

    def __str__(self) -> str:
        return self.sentence


SHOWN = 3
"""So many findings of one path are shown; the others are counted."""


def grouped(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield a path's first findings as sentences, then how many more it has: one fault may fail each check of it."""
    by_path: dict[str, list[Finding]] = {}
    for finding in findings:
        by_path.setdefault(finding.path, []).append(finding)
    for path, found in by_path.items():
        yield from map(str, found[:SHOWN])
        if len(found) > SHOWN:
            yield f"{path}: and {len(found) - SHOWN} more findings"


def judged(path: str, request: object, complaints: Iterable[str]) -> list[Finding]:
    """Return a finding for each complaint about a request; where the server does not answer, that is the last."""
    found: list[Finding] = []
    try:
        found.extend(Finding(path, f"{request}: {said}") for said in complaints)  # keeps those before an error
    except (OSError, HTTPException) as error:
        found.append(Finding(path, f"{request}: no answer ({error!r})"))
    return found


def differs(status: int, body: bytes, check: Check) -> str | None:
    """Return what an answer has otherwise than `answer` of its check; None where it is right."""
    if status != check.status:
        return f"{status} instead of {check.status}"
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    return None if value == check.answer else f"{body[:200]!r}"


def opened(address: str) -> closing[HTTPConnection]:
    """Return a connection to `host:port` that is closed at the end of the `with` statement."""
    return closing(HTTPConnection(address, timeout=PATIENCE_S))


def unlike_200(address: str, check: Check) -> Iterator[str]:
    """Ask on a connection of its own; yield the status if it is another than 200."""
    with opened(address) as connection:
        if (status := ask(connection, check)[0]) != 200:
            yield str(status)


def demand(connection: HTTPConnection, check: Check) -> None:
    """Send a request; raise HTTPException where its answer has another status than 200."""
    if (status := ask(connection, check)[0]) != 200:
        raise HTTPException(f"{status} instead of 200")


def ask(connection: HTTPConnection, check: Check) -> tuple[int, str, bytes]:
    """Send a request; return status, content type and body of the answer."""
    headers = {} if check.body is None else {"Content-Type": "application/json"}
    body = _pieces(check.body or b"") if check.pieces else check.body
    connection.request(check.method, check.target, body, headers, encode_chunked=check.pieces)
    response = connection.getresponse()
    return response.status, response.headers.get("Content-Type", ""), response.read()


def _pieces(body: bytes) -> Iterator[bytes]:
    """Yield a body in pieces, the first of one byte; http.client sends a body without a length chunked."""
    yield body[:1]
    yield from (body[start : start + PIECE_BYTES] for start in range(1, len(body), PIECE_BYTES))


def connect(address: str) -> socket.socket:
    """Return a plain connection to `host:port`."""
    host, _, port = address.partition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)


def reset(peer: socket.socket) -> None:
    """Close without lingering, which resets the connection at once."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
