"""Wake on time, by two system calls that Python has no name for.

Gevent's own timers end on the next whole millisecond (epoll_wait's unit); an Alarm wakes to the microsecond.

A thread with a short scheduler slice is scheduled when it wakes, before a thread in a long slice. The driver shares its CPUs
with the database, upstream and the machine's own work, and a slice of theirs (some milliseconds) would count as latency of
the server. The share of the CPU that it gets stays the same: this is no priority, and needs no rights.
"""

import ctypes
import os
import platform
import struct
from time import CLOCK_MONOTONIC

from gevent import get_hub, getcurrent

TFD_NONBLOCK, TFD_CLOEXEC, TFD_TIMER_ABSTIME = os.O_NONBLOCK, os.O_CLOEXEC, 1
READABLE = 1
NS = 1_000_000_000
SLICE_NS = 100_000
"""The shortest that Linux takes (0.1 ms)."""

_libc = ctypes.CDLL(None, use_errno=True)
_Itimerspec = ctypes.c_long * 4
"""struct itimerspec of timerfd_settime(2): interval and value, each in seconds and nanoseconds."""
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
"""Numbers of the system call; the C library has no function for it before glibc 2.41."""
_ATTRIBUTES = struct.Struct("IIQiIQQQ")
"""struct sched_attr of sched_setattr(2): size, policy, flags, nice, priority; runtime, deadline and period in ns."""


def ask_for_short_slice() -> None:
    """Ask for this thread, which keeps its nice value; kernels before Linux 6.12, and other machines, ignore it."""
    if number := _SCHED_SETATTR.get(platform.machine()):
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        _libc.syscall(number, 0, _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, SLICE_NS, 0, 0), 0)


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
