"""Gunicorn, with any of its workers."""

import os
import sys

from stacks.shared.servers import Server, live


def running() -> Server | None:
    """Return Gunicorn as the worker of this process has it."""
    worker = next((worker for worker in live("gunicorn.workers.base", "Worker") if worker.pid == os.getpid()), None)
    if worker is None:
        return None
    one_by_one = type(worker).__name__ == "SyncWorker"
    pool = getattr(worker, "tpool", None)
    fast = worker.cfg.http_parser != "python" and "gunicorn_h1c" in sys.modules
    return Server(
        "gunicorn",
        threads=1 if one_by_one else pool and pool._max_workers,
        keep_alive_s=0 if one_by_one else worker.cfg.keepalive,
        parser="gunicorn_h1c" if fast else "gunicorn",
    )
