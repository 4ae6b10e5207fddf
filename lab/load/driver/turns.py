"""Ask for a short scheduler slice: a thread with one is scheduled when it wakes, before a thread in a long slice.

The driver shares its CPUs with the database, upstream and the machine's own work, and a slice of theirs (some milliseconds) would
count as latency of the server. The share of the CPU that it gets stays the same: this is no priority, and needs no rights.
"""

import ctypes
import os
import platform
import struct

SLICE_NS = 100_000
"""The shortest that Linux takes (0.1 ms)."""
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
"""Numbers of the system call; the C library has no function for it before glibc 2.41."""
_ATTRIBUTES = struct.Struct("IIQiIQQQ")
"""struct sched_attr of sched_setattr(2): size, policy, flags, nice, priority; runtime, deadline and period in ns."""


def ask_for_short_slice() -> None:
    """Ask for this thread, which keeps its nice value; kernels before Linux 6.12, and other machines, ignore it."""
    number = _SCHED_SETATTR.get(platform.machine())
    if number is None:
        return
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    wanted = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, SLICE_NS, 0, 0)
    ctypes.CDLL(None).syscall(number, 0, wanted, 0)
