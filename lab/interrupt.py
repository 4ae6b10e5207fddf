"""Ctrl-C, SIGTERM and a terminal that is closed: they end the measurement where it stands, but never the cleaning up."""

import contextlib
import signal
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Inside, SIGTERM raises KeyboardInterrupt as SIGINT does, and so does a terminal that is closed, unless `nohup` said
    that it must not; what was there before comes back at the end."""
    before = {number: signal.signal(number, _raise) for number in _heeded()}
    try:
        yield
    finally:
        _restore(before)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Inside, SIGINT and SIGTERM wait; at the end they raise KeyboardInterrupt. For what must not be cut in the middle."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in _heeded()}
    try:
        yield
    finally:
        _restore(before)
    if came:
        raise KeyboardInterrupt


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """Inside, SIGINT and SIGTERM are ignored: an impatient second Ctrl-C must not leave servers behind."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        yield
    finally:
        _restore(before)


def _heeded() -> list[signal.Signals]:
    """All but a SIGHUP that is ignored already."""
    return [one for one in _SIGNALS if one != signal.SIGHUP or signal.getsignal(one) != signal.SIG_IGN]


def _raise(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def _restore(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
