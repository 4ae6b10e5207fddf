"""Granian: its settings are in Rust by the time a request comes, so its command line says what it was given."""

import sys
from itertools import pairwise

from stacks.shared.servers import Server

_IDLE = "--http1-header-read-timeout"
"""In milliseconds; it ends idle connections too."""
_THREADS = "--blocking-threads"
"""Of WSGI applications, on which it runs the handlers."""


def running() -> Server | None:
    """Return Granian as its command line has it; its parser is Rust's hyper, without a choice."""
    if "granian.server.mp" not in sys.modules:
        return None
    given = dict(pairwise(sys.argv)) | dict(word.split("=", 1) for word in sys.argv if "=" in word)
    return Server(
        "granian",
        threads=int(given[_THREADS]) if given.get("--interface") == "wsgi" and _THREADS in given else None,
        keep_alive_s=int(given[_IDLE]) / 1000 if _IDLE in given else None,
        parser="hyper",
    )
