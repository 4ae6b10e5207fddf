"""A connection byte by byte: requests as they are sent, and several answers through one buffer."""

import socket
from http.client import HTTPResponse
from io import BufferedReader
from typing import NamedTuple, Self

from lab.contract.ask import Check, connect

PATIENCE_S = 5.0
"""Longer than any request that is sent this way takes."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    """By names in lower case."""
    body: bytes
    closes: bool
    """The server ends the connection after it."""


class _Buffer(BufferedReader):
    def close(self) -> None:
        """Stay open: `HTTPResponse` closes what it has read from, and the next answer is in the same buffer."""

    def makefile(self, _mode: str) -> Self:
        """Be the socket that `HTTPResponse` asks for its file."""
        return self


class Wire:
    """One connection to `host:port`."""

    def __init__(self, address: str) -> None:
        self.host = address
        self.peer = connect(address)
        self.peer.settimeout(PATIENCE_S)
        self._buffer = _Buffer(socket.SocketIO(self.peer, "r"))

    def close(self) -> None:
        """Close the connection."""
        self.peer.close()

    def head(self, method: str, check: Check, *lines: str) -> bytes:
        """Return a request's first line and headers as bytes, the length of the check's body included."""
        length = () if check.body is None else (f"Content-Length: {len(check.body)}",)
        return "\r\n".join(
            (f"{method} {check.target} HTTP/1.1", f"Host: {self.host}", *length, *lines, "", "")
        ).encode()

    def answers_within(self, within_s: float) -> bool:
        """Return whether the server sends anything, or closes, within so many seconds."""
        self.peer.settimeout(within_s)
        try:
            self.peer.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return False
        finally:
            self.peer.settimeout(PATIENCE_S)
        return True

    def answer(self, method: str = "GET") -> Answer:
        """Read the next answer; 100 Continue is none.

        Raises:
            OSError, HTTPException: there is none.
        """
        response = HTTPResponse(self._buffer, method=method)  # type: ignore[arg-type]  # all it needs is makefile
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read(), response.will_close)

    def rest(self) -> bytes:
        """Read what else comes until the server closes."""
        return self._buffer.read()
