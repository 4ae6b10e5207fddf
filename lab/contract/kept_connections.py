"""Requests on a kept connection are answered as fast as the first of a fresh one."""

import statistics
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException

from lab.contract.ask import SERVER, Check, Finding, judged, opened
from lab.model.stack import Stack
from lab.model.stalls import usual_cause

ASKED = (Check("/health"), Check("/parse/plain", body=b"{}"))
"""On the kept connection a body goes out after its headers, in a segment of its own; on a fresh one, with them."""
BETWEEN_S = 0.001
"""So that a server reads one without the other."""
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
