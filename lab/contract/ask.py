"""One request of the contract check, and what is said of a stack that fails it."""

import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection

from lab.contract.check import Check

PATIENCE_S = 30.0
PIECE_BYTES = 10_000
SERVER = "/health"
"""Path of findings that concern the whole server; no scenario asks it, so a run leaves none out for them."""
UNSERVED = "path not served: serve it, or name it with the reason in the label lab.omits"
PROMISED = "path not served: serve it, or leave it out of the label lab.serves"


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
