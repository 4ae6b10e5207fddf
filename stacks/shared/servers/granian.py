"""Granian: its settings are in Rust by the time a request comes, so its command line says what it was given."""

import sys

from stacks.shared.servers import Server

_IDLE = "--http1-header-read-timeout="
"""In milliseconds; it ends idle connections too."""


def running() -> Server | None:
    """Return Granian as its command line has it; its parser is Rust's hyper, without a choice."""
    if "granian.server.mp" not in sys.modules:
        return None
    idle_s = (int(word.removeprefix(_IDLE)) / 1000 for word in sys.argv if word.startswith(_IDLE))
    return Server("granian", keep_alive_s=next(idle_s, None), parser="hyper")
