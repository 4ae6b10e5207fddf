"""Waits of several clients overlap exactly as far as a stack's model allows.

Requests that need `r` rounds of waiting take at least `r` waits from the first request to the last answer. How far
apart the answers come says nothing: a server may send what it has finished in one go.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException

from lab.contract.ask import PATIENCE_S, Finding, ask
from lab.contract.check import Check
from lab.nouns import Stack

WAIT_S = 0.2
WAIT = f"ms={WAIT_S * 1000:.0f}"
TWO_ROUNDS_S = 0.95 * 2 * WAIT_S
"""Timers may wake a little early."""
TRIES = 3
"""A busy machine may stretch one round to two; a stack with too few slots needs two every time."""
HOPELESS_S = 6 * WAIT_S
"""No busy machine stretches one round so far; another try would only take as long."""
POOL = 20
"""Connections to the database: as many requests can wait for it at once on any stack."""
POOLED = ("/db/one", "/http/one")
"""How many run at once is the pool's matter here; up to its size, clients must not block the server."""
FILES = ("/file/thread", "/file/async")
"""Both wait on the stack's threads; the first that a stack has is asked."""
HAZARD = "/hazard/blocking-wait"


def overlap(address: str, stack: Stack) -> list[Finding]:
    """As many as may run at once need one round of waiting; one more needs two."""
    found: list[Finding] = []
    file = next((path for path in FILES if stack.why_omitted(path) is None), FILES[0])
    for path in ("/wait", *POOLED, file, HAZARD):
        if stack.why_omitted(path) is None:
            found += _at_once(address, Check(path, WAIT), stack)
    return found


def limit(stack: Stack, path: str) -> int | None:
    """Return how many requests one worker process runs at once; None where nothing but its clients limits it."""
    if stack.model == "sync" or (path == HAZARD and stack.model == "async"):
        return 1
    return stack.slots if stack.model == "threads" or path in FILES else None


def _at_once(address: str, check: Check, stack: Stack) -> Iterator[Finding]:
    most = limit(stack, check.path)
    clients = stack.slots * 5 // 2 if most is None else most
    if check.path in POOLED:
        most, clients = None, min(clients, POOL)
    if clients > 1:
        yield from _one_round(address, check, clients)
    if most is not None:
        # Which worker gets a connection is the kernel's choice: all together are sure to be full only beyond the sum.
        yield from _two_rounds(address, check, most * stack.workers + 1)


def _one_round(address: str, check: Check, clients: int) -> Iterator[Finding]:
    spans_s = []
    try:
        for _ in range(TRIES):
            spans_s.append(_span_s(address, check, clients))
            if spans_s[-1] < TWO_ROUNDS_S:
                return
            if spans_s[-1] > HOPELESS_S:
                break
    except (OSError, HTTPException) as error:
        yield _finding(check, clients, f"no answer ({error!r})")
        return
    said = f"the last was answered {min(spans_s):.2f} s after the first request, but {clients} run at once"
    yield _finding(check, clients, said)


def _two_rounds(address: str, check: Check, clients: int) -> Iterator[Finding]:
    try:
        span_s = _span_s(address, check, clients)
    except (OSError, HTTPException) as error:
        yield _finding(check, clients, f"no answer ({error!r})")
        return
    if span_s < TWO_ROUNDS_S:
        said = f"all were answered within {span_s:.2f} s of the first request, but only {clients - 1} run at once"
        yield _finding(check, clients, said)


def _finding(check: Check, clients: int, said: str) -> Finding:
    return Finding(check.path, f"{check} by {clients} clients at once: {said}")


def _span_s(address: str, check: Check, clients: int) -> float:
    """Return the seconds from the first request to the last answer of several clients that ask at once."""

    def asked(_: int) -> tuple[float, float]:
        start = time.monotonic()
        connection = HTTPConnection(address, timeout=PATIENCE_S)
        try:
            status = ask(connection, check)[0]
        finally:
            connection.close()
        if status != 200:
            raise HTTPException(f"{status} instead of 200")
        return start, time.monotonic()

    with ThreadPoolExecutor(clients) as threads:
        times_s = list(threads.map(asked, range(clients)))
    return max(end for _, end in times_s) - min(start for start, _ in times_s)
