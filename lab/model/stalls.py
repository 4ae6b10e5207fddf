"""Stalls are waits that no CPU time explains; this lists the usual causes of some lengths."""

from math import log

# Linux, include/net/tcp.h: TCP_DELACK_MIN 40 ms, TCP_RTO_MIN 200 ms, TCP_TIMEOUT_INIT 1 s, doubled each time.
USUAL: dict[int, str] = {
    40: "40 ms is usually Nagle's algorithm meeting a delayed acknowledgement (a response in two writes without TCP_NODELAY)",
    200: "200 ms is usually a lost packet that is sent again, or a poll interval",
    1_000: "1 s is usually a lost SYN of a full accept queue (net.core.somaxconn, the server's backlog), or a poll interval",
    3_000: "3 s is usually the same SYN lost twice",
    5_000: "5 s is usually a worker that waits for a silent client, or a DNS server that does not answer",
}
"""Milliseconds of a stall -> its usual cause."""


def usual_causes(stalled_ms: float) -> str:
    """Return the usual causes of stalls of the two most similar lengths, the nearest first."""
    return ", ".join(USUAL[known_ms] for known_ms in _ordered(stalled_ms)[:2])


def usual_cause(stalled_ms: float) -> str | None:
    """Return the usual cause of a stall of about this length; None if no known length is within a quarter of it."""
    nearest_ms = _ordered(stalled_ms)[0]
    return USUAL[nearest_ms] if 0.8 < stalled_ms / nearest_ms < 1.25 else None


def _ordered(stalled_ms: float) -> list[int]:
    return sorted(USUAL, key=lambda known_ms: abs(log(known_ms / stalled_ms)))
