"""The time that a body takes grows with its size, not with its square."""

import time
from collections.abc import Iterator
from math import inf

from lab.contract.ask import Check, Finding, demand, judged, opened
from lab.model.stack import Stack

PATH = "/parse/plain"
SIZES_MB = (1, 4, 16)
MOST_TIMES = 4.0
"""The same 16 MB in one body take 1 times as long as in bodies of 1 MB in linear time, 16 times in quadratic time; this is
the mean of both. Equal amounts are compared, since a busy machine interrupts long work more often than short work."""
TRIES = 5
"""Each size's fastest counts: what a busy machine interrupts is slower in some tries, a server that copies is in all."""


def large_bodies(address: str, stack: Stack) -> list[Finding]:
    """Check that bodies of 1, 4 and 16 MB are taken in linear time; a server may copy what it has for each piece."""
    if stack.why_omitted(PATH):
        return []
    return judged(PATH, f"POST {PATH} with bodies of 1 to 16 MB", _quadratic(address))


def _quadratic(address: str) -> Iterator[str]:
    times_s = dict.fromkeys(SIZES_MB, inf)
    for _ in range(TRIES):
        times_s = {mb: min(before_s, _time_s(address, mb)) for mb, before_s in times_s.items()}
        times = times_s[16] / times_s[1]
        if times <= MOST_TIMES:
            return
    each = ", ".join(f"{mb} MB {time_s * mb / 16 * 1000:.0f} ms" for mb, time_s in times_s.items())
    said = f"16 MB in one body take {times:.0f} times as long as in bodies of 1 MB ({each})"
    cause = "usual cause: what came so far is copied for each piece (quadratic buffering)"
    yield f"{said}; {cause}"


def _time_s(address: str, mb: int) -> float:
    """Return the seconds for 16 MB in bodies of `mb`, one after the other."""
    # Under a name that the contract ignores, so that the answer is short.
    check = Check(PATH, body=b'{"more":"%b"}' % (b"x" * mb * 1_000_000))
    with opened(address) as connection:
        start = time.monotonic()
        for _ in range(16 // mb):
            demand(connection, check)
        return time.monotonic() - start
