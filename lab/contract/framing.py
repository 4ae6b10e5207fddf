"""What HTTP/1.1 asks of a server around its answers: 100 Continue, pipelined requests, HEAD."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPException

from lab.contract.ask import SERVER, Check, Finding, judged
from lab.contract.wire import Answer, Wire
from lab.model.stack import Stack

UPLOAD = Check("/parse/plain", body=b'{"content":[{"text":"ab"}]}', answer={"text": "ab"})
CURL_WAITS_S = 1.0
"""How long curl waits for 100 Continue before it sends the body anyway."""
TAIL = ("content-type", "content-length")
"""Headers that HEAD has like GET, or not at all (RFC 9110, 9.3.2)."""


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
        if answer.status != 417 and (said := _differs(answer, UPLOAD)):
            yield said
        elif took_s >= 2 * CURL_WAITS_S:
            yield f"the answer came after {took_s:.1f} s"


def _pipeline(address: str, first: Check, second: Check, *, may_close: bool) -> Iterator[str]:
    with closing(Wire(address)) as wire:
        wire.peer.sendall(wire.head("GET", first) + wire.head("GET", second))
        answer = wire.answer()
        if said := _differs(answer, first):
            yield f"first answer: {said}"
        if answer.closes:
            if not may_close:
                yield "the connection was closed after the first answer"
            return
        if said := _differs(wire.answer(), second):
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


def _differs(answer: Answer, check: Check) -> str | None:
    if answer.status != check.status:
        return f"{answer.status} instead of {check.status}"
    try:
        value = json.loads(answer.body)
    except ValueError:
        value = None
    return None if value == check.answer else f"{answer.body[:200]!r}"
