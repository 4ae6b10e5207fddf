"""One request of the contract check, and what is said of a stack that fails it."""

import socket
from dataclasses import dataclass
from http.client import HTTPConnection

from lab.contract.checks import Check

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Finding:
    """Something that a stack does otherwise than the contract says."""

    path: str
    sentence: str
    """Begins with the request."""

    def __str__(self) -> str:
        return self.sentence


def ask(connection: HTTPConnection, check: Check) -> tuple[int, str, bytes]:
    """Status, content type and body of the answer."""
    headers = {} if check.body is None else {"Content-Type": "application/json"}
    connection.request(check.method, check.target, check.body, headers)
    response = connection.getresponse()
    return response.status, response.headers.get("Content-Type", ""), response.read()


def connect(address: str) -> socket.socket:
    """A plain connection to `host:port`."""
    host, _, port = address.partition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)
