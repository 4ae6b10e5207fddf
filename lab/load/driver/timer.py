"""Waking at a time to the microsecond: gevent's own timers end on the next whole millisecond (epoll_wait's unit)."""

import ctypes
import os
from time import CLOCK_MONOTONIC

from gevent import get_hub, getcurrent

TFD_NONBLOCK, TFD_CLOEXEC, TFD_TIMER_ABSTIME = os.O_NONBLOCK, os.O_CLOEXEC, 1
READABLE = 1
NS = 1_000_000_000

_libc = ctypes.CDLL(None, use_errno=True)
_Itimerspec = ctypes.c_long * 4
"""struct itimerspec of timerfd_settime(2): interval and value, each in seconds and nanoseconds."""


class Alarm:
    """A Linux timerfd(2) that one greenlet waits for; os.timerfd_create needs Python 3.13."""

    def __init__(self) -> None:
        self._fd = _libc.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._readable = get_hub().loop.io(self._fd, READABLE)

    def wait_until(self, moment_s: float) -> None:
        """Let other greenlets run until `moment_s` on CLOCK_MONOTONIC."""
        # Setting it also forgets that it had expired: it need not be read.
        seconds, nanoseconds = divmod(int(moment_s * NS), NS)
        spec = _Itimerspec(0, 0, seconds, nanoseconds)
        if _libc.timerfd_settime(self._fd, TFD_TIMER_ABSTIME, spec, None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        self._readable.start(getcurrent().switch)
        try:
            get_hub().switch()
        finally:
            self._readable.stop()

    def close(self) -> None:
        """Give the descriptor back."""
        self._readable.close()
        os.close(self._fd)
