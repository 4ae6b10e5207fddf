"""Check a running stack against the contract."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from lab.contract.abandoned import abandoned
from lab.contract.ask import PROMISED, SERVER, UNSERVED, Check, Finding, ask, connect, opened
from lab.contract.durations import kept, large_bodies
from lab.contract.framing import expects, head, pipelined
from lab.contract.http2 import http2
from lab.contract.live import clients_that_go, echo, events_at_once, long_line, long_lived
from lab.contract.methods import methods
from lab.contract.overlap import overlap
from lab.contract.requests import all_checks
from lab.model.stack import Stack

EARLY = 0.95
"""Timers may wake a little early; a wait counts as kept from this share of it on."""
NOT_THERE = (404, 501)
"""How a path that a stack does not have is answered."""
BEHAVIOURS = (
    overlap, clients_that_go, abandoned, methods, head, long_lived, kept, pipelined, expects, large_bodies,
    long_line, events_at_once, echo, http2,
)  # fmt: skip
"""What one request and its answer do not show."""


def verify(base_url: str, stack: Stack) -> list[Finding]:
    """Return what the stack that runs at `base_url` does otherwise than the contract; nothing: it conforms."""
    address = urlsplit(base_url).netloc
    with opened(address) as connection:
        unserved = list(_unserved(connection, stack))
        why = PROMISED if stack.serves else UNSERVED
        findings = [Finding(path, f"{path}: 404, {why}") for path in unserved]
        stack = stack.model_copy(update={"omits": {**stack.omits, **dict.fromkeys(unserved, why)}})
        findings += [Finding(check.path, said) for check in checks_of(stack) for said in _wrong(connection, check)]
    for behaviour in BEHAVIOURS:
        if findings and (gone := _gone(address)):
            return [*findings, gone]
        findings += behaviour(address, stack)
    return findings


def _gone(address: str) -> Finding | None:
    """Say that nobody listens any more: one finding that explains the last ones, instead of one for each further check."""
    try:
        connect(address).close()
    except ConnectionRefusedError:
        return Finding(SERVER, "the server has ended: what it said last is in its log")
    except OSError:
        pass
    return None


def checks_of(stack: Stack) -> Iterator[Check]:
    """Yield what this stack must pass; a path that it declares as omitted is asked for once, and must be absent.

    A stack that says what it serves is asked for nothing else, and may have `/settings` or not.
    """
    absent = set()
    for check in all_checks(stack.name):
        if stack.serves and check.path == "/settings":
            yield replace(check, also=NOT_THERE)
        elif stack.why_omitted(check.path) is None:
            yield check
        elif not stack.serves and check.path not in absent:
            absent.add(check.path)
            yield Check(check.path, body=check.body and b"{}", absent=True)
    if not stack.serves and stack.why_omitted("/ws"):
        yield Check("/ws", absent=True)


def _unserved(connection: HTTPConnection, stack: Stack) -> Iterator[str]:
    """Yield the paths that are not there and were not declared: one finding each, instead of one for each request."""
    firsts: dict[str, Check] = {}
    for check in checks_of(stack):
        if check.status == 200 and not check.absent and 404 not in check.also:
            firsts.setdefault(check.path, check)
    for path, check in firsts.items():
        with contextlib.suppress(OSError, HTTPException):
            if ask(connection, check)[0] == 404:
                yield path
        connection.close()


def _wrong(connection: HTTPConnection, check: Check) -> Iterator[str]:
    start = time.monotonic()
    try:
        status, media_type, body = ask(connection, check)
    except (OSError, HTTPException) as error:
        connection.close()
        yield f"{check}: no answer ({error!r})"
        return
    took_s = time.monotonic() - start
    if check.absent:
        # A server that has answered before it read the body may close the connection (RFC 9112, section 9.3).
        connection.close()
        if status not in NOT_THERE:
            yield f"{check}: declared as omitted, but answered {status}"
        return
    if status in check.also:
        return
    if status != check.status:
        yield f"{check}: {status} instead of {check.status}"
        return
    expected = "application/json" if check.events is None else "text/event-stream"
    if not media_type.startswith(expected):
        yield f"{check}: content type {media_type!r} instead of {expected}"
    yield from _judge(check, body) if check.events is None else _judge_events(check, body)
    if took_s < check.at_least_s * EARLY:
        yield f"{check}: took {took_s:.3f} s, {check.at_least_s} s was asked for"
    if check.under_s is not None and took_s > check.under_s:
        yield f"{check}: took {took_s:.3f} s, more than {check.under_s} s"


def _judge(check: Check, body: bytes) -> Iterator[str]:
    try:
        answer = json.loads(body)
    except ValueError:
        yield f"{check}: no JSON: {body[:200]!r}"
        return
    if check.kinds is not None:
        if not _of_kinds(answer, check.kinds):
            yield f"{check}: {_short(answer)} instead of an object with {', '.join(check.kinds)}, each of its kind"
    elif check.status == 200:
        # As text: to Python 1, 1.0 and true are equal.
        if json.dumps(answer, sort_keys=True) != json.dumps(check.answer, sort_keys=True):
            yield f"{check}: {_short(answer)} instead of {_short(check.answer)}"
    elif not (isinstance(answer, dict) and isinstance(answer.get("error"), str) and answer["error"]):
        yield f"{check}: {_short(answer)} has no reason under `error`"


def _of_kinds(answer: object, kinds: Mapping[str, tuple[type, ...]]) -> bool:
    if not isinstance(answer, dict) or answer.keys() != kinds.keys():
        return False
    return all(type(value) in kinds[name] for name, value in answer.items())


def _judge_events(check: Check, body: bytes) -> Iterator[str]:
    events = [json.dumps(event, separators=(",", ":")) for event in check.events or ()]
    expected = "".join(f"data: {event}\n\n" for event in (*events, "[DONE]")).encode()
    if body != expected:
        yield f"{check}: {body[:200]!r}… instead of {expected[:200]!r}…"


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
