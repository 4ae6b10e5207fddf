"""Hold a running stack to the contract, with nothing but the standard library."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from lab.contract.checks import Check, all_checks
from lab.nouns import Stack

PATIENCE_S = 30.0
EARLY = 0.95
"""Timers may wake a little early; a wait counts as kept from this share of it on."""
WAITS = 8
WAIT_S = 0.2
OVERLAP = Check("/wait", f"ms={WAIT_S * 1000:.0f}")


@dataclass(frozen=True)
class Finding:
    """Something that a stack does otherwise than the contract says."""

    path: str
    sentence: str
    """Begins with the request."""

    def __str__(self) -> str:
        return self.sentence


def verify(base_url: str, stack: Stack) -> list[Finding]:
    """Hold the stack that runs at `base_url` to the contract; no findings: it holds."""
    address = urlsplit(base_url).netloc
    connection = HTTPConnection(address, timeout=PATIENCE_S)
    try:
        findings = [Finding(check.path, said) for check in checks_of(stack) for said in _hold(connection, check)]
    finally:
        connection.close()
    return findings + [Finding(OVERLAP.path, said) for said in _overlap(address, stack)]


def checks_of(stack: Stack) -> Iterator[Check]:
    """What this stack must pass; a path that it declares as omitted is asked for once, and must be absent."""
    absent = set()
    for check in all_checks(stack.name):
        if stack.why_omitted(check.path) is None:
            yield check
        elif check.path not in absent:
            absent.add(check.path)
            yield Check(check.path, body=check.body and b"{}", absent=True)


def _hold(connection: HTTPConnection, check: Check) -> Iterator[str]:
    start = time.monotonic()
    try:
        status, media_type, body = _ask(connection, check)
    except (OSError, HTTPException) as error:
        connection.close()
        yield f"{check}: no answer ({error!r})"
        return
    took_s = time.monotonic() - start
    if check.absent:
        if status not in (404, 501):
            yield f"{check}: declared as omitted, but answered {status}"
        return
    if status != check.status:
        yield f"{check}: {status} instead of {check.status}"
        return
    if not media_type.startswith("application/json"):
        yield f"{check}: content type {media_type!r} instead of application/json"
    yield from _judge(check, body)
    if took_s < check.at_least_s * EARLY:
        yield f"{check}: took {took_s:.3f} s, {check.at_least_s} s was asked for"
    if check.under_s is not None and took_s > check.under_s:
        yield f"{check}: took {took_s:.3f} s, more than {check.under_s} s"


def _ask(connection: HTTPConnection, check: Check) -> tuple[int, str, bytes]:
    headers = {} if check.body is None else {"Content-Type": "application/json"}
    connection.request(check.method, check.target, check.body, headers)
    response = connection.getresponse()
    return response.status, response.headers.get("Content-Type", ""), response.read()


def _judge(check: Check, body: bytes) -> Iterator[str]:
    try:
        answer = json.loads(body)
    except ValueError:
        yield f"{check}: no JSON: {body[:200]!r}"
        return
    if check.status == 200:
        # As text: to Python 1, 1.0 and true are equal.
        if json.dumps(answer, sort_keys=True) != json.dumps(check.answer, sort_keys=True):
            yield f"{check}: {_short(answer)} instead of {_short(check.answer)}"
    elif not (isinstance(answer, dict) and isinstance(answer.get("error"), str) and answer["error"]):
        yield f"{check}: {_short(answer)} has no reason under `error`"


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _overlap(address: str, stack: Stack) -> list[str]:
    """Waits of several clients overlap, but for one worker that takes one request at a time."""
    check = OVERLAP

    def wait(_: int) -> int:
        connection = HTTPConnection(address, timeout=PATIENCE_S)
        try:
            return _ask(connection, check)[0]
        finally:
            connection.close()

    start = time.monotonic()
    with ThreadPoolExecutor(WAITS) as clients:
        try:
            statuses = list(clients.map(wait, range(WAITS)))
        except (OSError, HTTPException) as error:
            return [f"{check} by {WAITS} clients at once: no answer ({error!r})"]
    took_s = time.monotonic() - start
    one_by_one_s = WAITS * WAIT_S
    if set(statuses) != {200}:
        return [f"{check} by {WAITS} clients at once: {statuses}"]
    if stack.model == "sync" and took_s < one_by_one_s * EARLY:
        return [f"{check} by {WAITS} clients at once: took {took_s:.2f} s, but a sync stack waits {one_by_one_s:.2f} s"]
    if stack.model != "sync" and took_s > one_by_one_s / 2:
        return [f"{check} by {WAITS} clients at once: took {took_s:.2f} s, the waits do not overlap"]
    return []
