"""Waits of several clients overlap exactly as far as a stack's model allows.

Requests that need `r` rounds of waiting take at least `r` waits from the first request to the last answer. How far
apart the answers come says nothing: a server may send what it has finished in one go.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from lab.contract.ask import Check, Finding, demand, judged, opened
from lab.model.stack import Stack

WAITS_S = (0.2, 0.4, 0.8)
"""A busy machine may stretch one round of short waits to two, of longer ones less so; a stack that needs two always does."""
TWO_ROUNDS = 0.95 * 2
"""Timers may wake a little early."""
CERTAIN_ROUNDS = 6
"""No busy machine stretches one round so far; longer waits would only take longer."""
MANY = 250
"""Clients at most where nothing but them limits how many requests run at once."""
POOL = 20
"""As many requests can wait for a pool at once on any stack whose budget is not smaller."""
POOLED = {"/db/one": "db_pool", "/http/one": "upstream_connections"}
"""How many run at once is the pool's matter here; up to its size, clients must not block the server."""
FILES = ("/file/thread", "/file/async")
"""Both wait on the stack's threads; the first that a stack has is asked."""
HAZARD = "/hazard/blocking-wait"


def overlap(address: str, stack: Stack) -> list[Finding]:
    """Check that as many requests as may run at once need one round of waiting, and one more needs two."""
    found: list[Finding] = []
    file = next((path for path in FILES if stack.why_omitted(path) is None), FILES[0])
    for path in ("/wait", *POOLED, file, HAZARD):
        if stack.why_omitted(path) is None:
            found += _at_once(address, path, stack)
    return found


def limit(stack: Stack, path: str) -> int | None:
    """Return how many requests one worker process runs at once; None where nothing but its clients limits it."""
    if stack.model == "sync" or (path == HAZARD and stack.model == "async"):
        return 1
    return stack.slots if stack.model == "threads" or path in FILES else None


def _at_once(address: str, path: str, stack: Stack) -> Iterator[Finding]:
    most = limit(stack, path)
    clients = min(stack.slots * 5 // 2, MANY) if most is None else most
    if path in POOLED:
        most, clients = None, min(clients, POOL, stack.budget.get(POOLED[path], POOL))
    if clients > 1:
        yield from judged(path, _said(path, clients), _one_round(address, path, clients))
    if most is not None:
        # Which worker gets a connection is the kernel's choice: all together are sure to be full only beyond the sum.
        clients = most * stack.workers + 1
        yield from judged(path, _said(path, clients), _two_rounds(address, path, clients))


def _said(path: str, clients: int) -> str:
    return f"{_waiting(path, WAITS_S[0])} by {clients} clients at once"


def _one_round(address: str, path: str, clients: int) -> Iterator[str]:
    rounds = []
    for wait_s in WAITS_S:
        rounds.append(_span_s(address, _waiting(path, wait_s), clients) / wait_s)
        if rounds[-1] < TWO_ROUNDS:
            return
        if rounds[-1] > CERTAIN_ROUNDS:
            break
    yield f"the last answer came {min(rounds):.1f} waits after the first request, but {clients} run at once"


def _two_rounds(address: str, path: str, clients: int) -> Iterator[str]:
    wait_s = WAITS_S[0]
    span_s = _span_s(address, _waiting(path, wait_s), clients)
    if span_s < TWO_ROUNDS * wait_s:
        yield f"all were answered within {span_s:.2f} s of the first request, but only {clients - 1} run at once"


def _waiting(path: str, wait_s: float) -> Check:
    return Check(path, f"ms={wait_s * 1000:.0f}")


def _span_s(address: str, check: Check, clients: int) -> float:
    """Return the seconds from the first request to the last answer of several clients that ask at once."""

    def asked(_: int) -> tuple[float, float]:
        start = time.monotonic()
        with opened(address) as connection:
            demand(connection, check)
        return start, time.monotonic()

    with ThreadPoolExecutor(clients) as threads:
        times_s = list(threads.map(asked, range(clients)))
    return max(end for _, end in times_s) - min(start for start, _ in times_s)
