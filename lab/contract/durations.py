"""How long answers take: on a kept connection as long as on a fresh one, and in proportion to the size of a body."""

import statistics
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from math import inf

from lab.contract.ask import SERVER, Check, Finding, demand, judged, opened
from lab.model.stack import Stack
from lab.model.stalls import usual_cause

ASKED = (Check("/health"), Check("/parse/plain", body=b"{}"))
"""On the kept connection a body goes out after its headers, in a segment of its own; on a fresh one, with them."""
BETWEEN_S = 0.001
"""So that a server reads one without the other; nothing outside of it tells when it has."""
FRESH, KEPT = 3, 12
STALL_S = 0.02
"""Tens of milliseconds where it should be one or two."""
TRIES = 3
"""A busy machine may delay a few requests; a stall comes every time."""


def kept(address: str, stack: Stack) -> list[Finding]:
    """Compare several requests on one connection with the first requests of fresh ones."""
    asked = [check for check in ASKED if stack.why_omitted(check.path) is None]
    return [finding for check in asked for finding in judged(SERVER, check, _stall(address, check))]


def _stall(address: str, check: Check) -> Iterator[str]:
    measured = []
    for _ in range(TRIES):
        measured.append((_fresh_s(address, check), _kept_s(address, check)))
        if abs(measured[-1][1] - measured[-1][0]) < STALL_S:
            return
    yield _said(*min(measured, key=lambda pair: abs(pair[1] - pair[0])))


def _said(fresh_s: float, kept_s: float) -> str:
    stalled_ms = abs(kept_s - fresh_s) * 1000
    times = f"on a kept connection {kept_s * 1000:.0f} ms, on a fresh one {fresh_s * 1000:.0f} ms"
    cause = usual_cause(stalled_ms)
    return f"requests stall for {stalled_ms:.0f} ms: {times}" + (f"; {cause}" if cause else "")


def _fresh_s(address: str, check: Check) -> float:
    return statistics.median(_times_s(address, check, 1, in_two=False)[0] for _ in range(FRESH))


def _kept_s(address: str, check: Check) -> float:
    """Return the upper quartile, so that a stall of every second request is seen in full."""
    return statistics.quantiles(_times_s(address, check, 1 + KEPT, in_two=True)[1:], n=4)[2]


def _times_s(address: str, check: Check, requests: int, *, in_two: bool) -> list[float]:
    with opened(address) as connection:
        return [_time_s(connection, check, in_two=in_two) for _ in range(requests)]


def _time_s(connection: HTTPConnection, check: Check, *, in_two: bool) -> float:
    start = time.monotonic()
    if check.body is not None and in_two:
        connection.putrequest(check.method, check.target)
        connection.putheader("Content-Length", str(len(check.body)))
        connection.endheaders()
        time.sleep(BETWEEN_S)
        connection.send(check.body)
    else:
        connection.request(check.method, check.target, check.body)
    response = connection.getresponse()
    response.read()
    if response.status != 200:
        raise HTTPException(f"{response.status} instead of 200")
    return time.monotonic() - start


BODIES = "/parse/plain"
SIZES_MB = (1, 4, 16)
MOST_TIMES = 4.0
"""The same 16 MB in one body take 1 times as long as in bodies of 1 MB in linear time, 16 times in quadratic time; this is
the mean of both. Equal amounts are compared, since a busy machine interrupts long work more often than short work."""
BODY_TRIES = 5
"""Each size's fastest counts: what a busy machine interrupts is slower in some tries, a server that copies is in all."""


def large_bodies(address: str, stack: Stack) -> list[Finding]:
    """Check that bodies of 1, 4 and 16 MB are taken in linear time; a server may copy what it has for each piece."""
    if stack.why_omitted(BODIES):
        return []
    return judged(BODIES, f"POST {BODIES} with bodies of 1 to 16 MB", _quadratic(address))


def _quadratic(address: str) -> Iterator[str]:
    times_s = dict.fromkeys(SIZES_MB, inf)
    for _ in range(BODY_TRIES):
        times_s = {mb: min(before_s, _taken_s(address, mb)) for mb, before_s in times_s.items()}
        times = times_s[16] / times_s[1]
        if times <= MOST_TIMES:
            return
    each = ", ".join(f"{mb} MB {time_s * mb / 16 * 1000:.0f} ms" for mb, time_s in times_s.items())
    said = f"16 MB in one body take {times:.0f} times as long as in bodies of 1 MB ({each})"
    cause = "usual cause: what came so far is copied for each piece (quadratic buffering)"
    yield f"{said}; {cause}"


def _taken_s(address: str, mb: int) -> float:
    """Return the seconds for 16 MB in bodies of `mb`, one after the other."""
    # Under a name that the contract ignores, so that the answer is short.
    check = Check(BODIES, body=b'{"more":"%b"}' % (b"x" * mb * 1_000_000))
    with opened(address) as connection:
        start = time.monotonic()
        for _ in range(16 // mb):
            demand(connection, check)
        return time.monotonic() - start
