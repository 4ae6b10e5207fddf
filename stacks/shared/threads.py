"""Where blocking work goes in a synchronous stack."""

import sys
import threading
from concurrent.futures import Executor, ThreadPoolExecutor


def pools(slots: int) -> tuple[ThreadPoolExecutor, ThreadPoolExecutor]:
    """Return the pools for work that blocks and for calls that wait: one pool of `slots` threads.

    Under gevent they are two: threads of the operating system, which `threading` no longer gives there, and greenlets.
    """
    callers = ThreadPoolExecutor(slots)
    if not cooperative():
        return callers, callers
    from gevent.threadpool import ThreadPoolExecutor as NativeThreadPoolExecutor

    native: ThreadPoolExecutor = NativeThreadPoolExecutor(slots)
    return native, callers


def size(pool: Executor) -> int:
    """Return how many threads a pool has at most; neither Python's own nor gevent's has a public name for it."""
    native = getattr(pool, "_threadpool", None)
    most: int = pool._max_workers if native is None else native.maxsize  # type: ignore[attr-defined]
    return most


def size_here() -> int:
    """Return the size of the pool that runs the caller: where nobody has the pool itself, ask on one of its threads.

    An event loop's own pool is such a one: uvloop keeps it in C. Each thread of a pool has a weak reference to it.
    """
    return size(threading.current_thread()._args[0]())  # type: ignore[attr-defined]


def cooperative() -> bool:
    """Return whether gevent has patched `threading`; asked of a module that only a gevent server has imported."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))
