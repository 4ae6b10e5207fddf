"""The process pool for long CPU work: one process, spawned, never forked from a server that has threads."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

Args = ParamSpec("Args")
Result = TypeVar("Result")


class Processes:
    """A pool of one process, which is up before the first request is taken: none pays for its start (0.3 s)."""

    _pool: ProcessPoolExecutor

    def __enter__(self) -> Self:
        self._pool = ProcessPoolExecutor(
            max_workers=1, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent
        )
        self._pool.submit(os.getpid).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def submit(self, work: Callable[Args, Result], *args: Args.args, **kwargs: Args.kwargs) -> Future[Result]:
        """Run `work` there; the future has what it returns."""
        return self._pool.submit(work, *args, **kwargs)


def _end_with_parent() -> None:
    """End this process with its server: a killed server cannot shut its pool down, and the process would wait forever."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
