"""Handle Ctrl-C, SIGTERM and a closed terminal: they end the measurement at once, but never the cleaning up.

A signal that was ignored before (by `nohup`, or SIGINT of a background job) stays ignored everywhere.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_Handler = Callable[[int, FrameType | None], Any] | signal.Handlers


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and a closed terminal raise KeyboardInterrupt inside, as SIGINT does."""
    with _handled_by(_raise):
        yield


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Defer signals until the body has ended, because it must not be interrupted.

    They are then delivered to the previous handlers, also if the body raises: its error becomes the
    `__context__` of the KeyboardInterrupt.
    """
    came: list[int] = []
    try:
        with _handled_by(lambda number, _: came.append(number)):
            yield
    finally:
        for number in came:
            signal.raise_signal(number)


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """Ignore signals inside: an impatient second Ctrl-C must not leave servers behind."""
    with _handled_by(signal.SIG_IGN):
        yield


@contextlib.contextmanager
def _handled_by(handler: _Handler) -> Iterator[None]:
    """Handle all signals that are not ignored already; restore each previous handler, whatever interrupts that."""
    with contextlib.ExitStack() as restoring:
        for number in _SIGNALS:
            if (before := signal.getsignal(number)) != signal.SIG_IGN:
                restoring.callback(signal.signal, number, before)
                signal.signal(number, handler)
        yield


def _raise(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt
