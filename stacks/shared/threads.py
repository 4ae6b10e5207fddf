"""Where blocking work goes in a synchronous stack."""

import sys
from concurrent.futures import Executor, ThreadPoolExecutor


def pools(slots: int) -> tuple[Executor, Executor]:
    """For work that blocks, and for calls that wait: one pool of `slots` threads.

    Under gevent they are two: threads of the operating system, which `threading` no longer gives there, and greenlets.
    """
    callers = ThreadPoolExecutor(slots)
    if not _cooperative():
        return callers, callers
    from gevent.threadpool import ThreadPoolExecutor as NativeThreadPoolExecutor

    native: Executor = NativeThreadPoolExecutor(slots)
    return native, callers


def _cooperative() -> bool:
    """Whether gevent has patched `threading`; asked of a module that only a gevent server has imported."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))
