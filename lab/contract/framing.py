"""What HTTP/1.1 asks of a server around its answers, byte by byte: 100 Continue, pipelined requests, HEAD."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPException, HTTPResponse
from io import BufferedReader
from typing import NamedTuple, Self

from lab.contract.ask import SERVER, Check, Finding, connect, differs, judged
from lab.model.stack import Stack

UPLOAD = Check("/parse/plain", body=b'{"content":[{"text":"ab"}]}', answer={"text": "ab"})
CURL_WAITS_S = 1.0
"""How long curl waits for 100 Continue before it sends the body anyway."""
TAIL = ("content-type", "content-length")
"""Headers that HEAD has like GET, or not at all (RFC 9110, 9.3.2)."""
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


def expects(address: str, stack: Stack) -> list[Finding]:
    """Check that a client that sends `Expect: 100-continue` gets 100 or a final answer at once, not after a second."""
    if stack.why_omitted(UPLOAD.path):
        return []
    return judged(SERVER, f"{UPLOAD} with Expect: 100-continue", _expect(address))


def pipelined(address: str, stack: Stack) -> list[Finding]:
    """Check that two requests that are sent together get two answers, in their order."""
    known = (
        Check("/wait", "ms=20", answer={"waited_ms": 20}),
        Check("/json", answer={"message": "Hello, World!"}),
        Check("/health", answer={"status": "ok", "stack": stack.name}),
    )
    first, second, *_ = [check for check in known if stack.why_omitted(check.path) is None] * 2
    complaints = _pipeline(address, first, second, may_close=stack.keeps_none)
    return judged(SERVER, f"{first} and {second}, sent together", complaints)


def head(address: str, stack: Stack) -> list[Finding]:
    """Check that HEAD is 405, or has GET's status and headers, that no body follows, and that the connection is usable."""
    checks = [check for check in (Check("/health"), Check("/json")) if stack.why_omitted(check.path) is None]
    return [found for check in checks for found in judged(check.path, f"HEAD {check.target}", _head(address, check))]


def _expect(address: str) -> Iterator[str]:
    with closing(Wire(address)) as wire:
        start = time.monotonic()
        wire.peer.sendall(wire.head("POST", UPLOAD, "Expect: 100-continue"))
        if not wire.answers_within(CURL_WAITS_S):
            yield f"neither 100 nor an answer within {CURL_WAITS_S:.0f} s"
        wire.peer.sendall(UPLOAD.body or b"")
        answer = wire.answer()
        took_s = time.monotonic() - start
        if answer.status != 417 and (said := differs(answer.status, answer.body, UPLOAD)):
            yield said
        elif took_s >= 2 * CURL_WAITS_S:
            yield f"the answer came after {took_s:.1f} s"


def _pipeline(address: str, first: Check, second: Check, *, may_close: bool) -> Iterator[str]:
    with closing(Wire(address)) as wire:
        wire.peer.sendall(wire.head("GET", first) + wire.head("GET", second))
        answer = wire.answer()
        if said := differs(answer.status, answer.body, first):
            yield f"first answer: {said}"
        if answer.closes:
            if not may_close:
                yield "the connection was closed after the first answer"
            return
        answer = wire.answer()
        if said := differs(answer.status, answer.body, second):
            yield f"second answer: {said}"


def _head(address: str, check: Check) -> Iterator[str]:
    with closing(Wire(address)) as wire:
        wire.peer.sendall(wire.head("HEAD", check))
        head = wire.answer("HEAD")
        if head.closes:
            wire.peer.shutdown(socket.SHUT_WR)  # some servers wait for the client to close first
            if rest := wire.rest():
                yield f"a body of {len(rest)} bytes follows"
            with closing(Wire(address)) as fresh:
                fresh.peer.sendall(fresh.head("GET", check))
                yield from _unlike(head, fresh.answer())
            return
        wire.peer.sendall(wire.head("GET", check))
        try:
            got = wire.answer()
        except HTTPException as error:
            yield f"what follows on the connection is no answer: a body, or a part of one ({error!r})"
            return
        yield from _unlike(head, got)


def _unlike(head: Answer, got: Answer) -> Iterator[str]:
    if head.status == 405:
        return
    if head.status != got.status:
        yield f"{head.status} instead of GET's {got.status} or 405"
    for name in TAIL:
        if name in head.headers and head.headers[name] != got.headers.get(name):
            yield f"{name} {head.headers[name]!r} instead of GET's {got.headers.get(name)!r}"
