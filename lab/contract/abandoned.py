"""A stream whose client has gone is given up: its connection to `upstream` does not stay."""

import socket
import time
from collections.abc import Iterator

from pyroute2 import DiagSocket

from lab.contract.ask import Check, Finding, connect, demand, judged, opened, reset
from lab.model.stack import Stack

STREAM = Check("/stream", "chunks=1000&ms=10")
"""Ten seconds, if nobody gives it up."""
PATH = "/stream/abandoned"
"""Stands for this behaviour in lab.omits."""
CLIENTS, AT_ONCE = 150, 10
"""More than there are connections to `upstream`; each group resets a millisecond later, all before the first event."""
TRIES = 3
"""A busy machine may be late once; a stack that keeps them does so every time."""
GONE_WITHIN_S = 1.0
LOOK_AGAIN_AFTER_S = 0.02
"""Each look lists the kernel's connections, on a CPU that the server may need."""
QUIET_S = 0.25
"""Upstream sends every 10 ms: a kept connection without data for so long has no stream."""
_ESTABLISHED, _INFO = 1, 2
"""TCP_ESTABLISHED of the kernel's tcp_states.h, INET_DIAG_INFO of its inet_diag.h."""


def abandoned(address: str, stack: Stack) -> list[Finding]:
    """Check that one second after its clients have reset, no stream holds a connection to `upstream`."""
    if stack.upstream_port is None or stack.why_omitted(STREAM.path) or PATH in stack.omits:
        return []
    said = f"{STREAM} by {CLIENTS} clients that reset before the first byte"
    return judged(STREAM.path, said, _kept(address, stack.upstream_port))


def _kept(address: str, port: int) -> Iterator[str]:
    left = 0
    for _ in range(TRIES):
        _reset_all(address)
        if (left := _left(port)) == 0:
            return
    yield f"{left} connections to upstream still stream {GONE_WITHIN_S:.0f} s later; close them when the client goes"


def streaming(port: int) -> int:
    """Return how many connections of this machine to `port` had data in the last quarter of a second."""
    with DiagSocket() as diagnosis:
        diagnosis.bind()
        found = diagnosis.get_sock_stats(family=socket.AF_INET, states=1 << _ESTABLISHED, extensions=_INFO)
    infos = (one.get_attr("INET_DIAG_INFO") for one in found if one["idiag_dport"] == port)
    return sum(info["tcpi_last_data_recv"] < QUIET_S * 1000 for info in infos)


def _left(port: int) -> int:
    """Watch until none has streamed for a while, or until none was given up for one second.

    A busy machine needs longer for all of them, but then their number falls; a stream may also just be about to begin.
    """
    fell = quiet_since = time.monotonic()
    least = left = CLIENTS
    while time.monotonic() - fell < GONE_WITHIN_S and time.monotonic() - quiet_since < QUIET_S:
        if left := streaming(port):
            quiet_since = time.monotonic()
        if left < least:
            least, fell = left, time.monotonic()
        time.sleep(LOOK_AGAIN_AFTER_S)
    return left


def _reset_all(address: str) -> None:
    for group in range(CLIENTS // AT_ONCE):
        _reset(address, group % 10 / 1000)
    # Where requests are served one by one, this comes after all of them.
    with opened(address) as connection:
        demand(connection, Check("/health"))


def _reset(address: str, after_s: float) -> None:
    head = f"GET {STREAM.target} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()
    peers = [connect(address) for _ in range(AT_ONCE)]
    for peer in peers:
        peer.sendall(head)
    time.sleep(after_s)
    for peer in peers:
        reset(peer)
