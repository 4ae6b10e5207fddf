"""Where blocking work goes in a synchronous stack."""

import sys
from concurrent.futures import ThreadPoolExecutor


def pools(slots: int) -> tuple[ThreadPoolExecutor, ThreadPoolExecutor]:
    """For work that blocks, and for calls that wait: one pool of `slots` threads.

    Under gevent they are two: threads of the operating system, which `threading` no longer gives there, and greenlets.
    """
    callers = ThreadPoolExecutor(slots)
    if not cooperative():
        return callers, callers
    from gevent.threadpool import ThreadPoolExecutor as NativeThreadPoolExecutor

    native: ThreadPoolExecutor = NativeThreadPoolExecutor(slots)
    return native, callers


def size(pool: ThreadPoolExecutor) -> int:
    """Threads that a pool has at most; Python's own has no public name for it."""
    return pool._max_workers


def cooperative() -> bool:
    """Whether gevent has patched `threading`; asked of a module that only a gevent server has imported."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))
