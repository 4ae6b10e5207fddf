"""The time that a body takes grows with its size, not with its square."""

import time
from http.client import HTTPConnection, HTTPException

from lab.contract.ask import PATIENCE_S, Finding, ask
from lab.contract.check import Check
from lab.nouns import Stack

PATH = "/parse/plain"
SIZES_MB = (1, 4, 16)
MOST_TIMES = 8.0
"""Four times the body takes 4 times as long in linear time and 16 times in quadratic time; this is the mean of both."""
TRIES = 3
"""A busy machine may delay one of them; the fastest of each size counts, of the largest only as many as are needed."""


def large_bodies(address: str, stack: Stack) -> list[Finding]:
    """Bodies of 1, 4 and 16 MB are taken in linear time: a server that copies what it has for each piece is named."""
    if stack.why_omitted(PATH):
        return []
    small_mb, medium_mb, large_mb = SIZES_MB
    times_s: list[float] = []
    try:
        small_s, medium_s = (min(_time_s(address, mb) for _ in range(TRIES)) for mb in (small_mb, medium_mb))
        while len(times_s) < TRIES:
            times_s.append(_time_s(address, large_mb))
            if times_s[-1] <= MOST_TIMES * medium_s:
                return []
    except (OSError, HTTPException) as error:
        return [Finding(PATH, f"POST {PATH} with a body of {small_mb} to {large_mb} MB: no answer ({error!r})")]
    measured = zip(SIZES_MB, (small_s, medium_s, min(times_s)), strict=True)
    times = ", ".join(f"{mb} MB {time_s * 1000:.0f} ms" for mb, time_s in measured)
    said = f"four times the body takes {min(times_s) / medium_s:.0f} times as long ({times})"
    cause = "usual cause: what came so far is copied for each piece (quadratic buffering)"
    return [Finding(PATH, f"POST {PATH}: {said}; {cause}")]


def _time_s(address: str, mb: int) -> float:
    # Under a name that the contract ignores, so that the answer is short.
    check = Check(PATH, body=b'{"more":"%b"}' % (b"x" * mb * 1_000_000))
    connection = HTTPConnection(address, timeout=PATIENCE_S)
    try:
        start = time.monotonic()
        status = ask(connection, check)[0]
        took_s = time.monotonic() - start
    finally:
        connection.close()
    if status != 200:
        raise HTTPException(f"{status} instead of 200")
    return took_s
