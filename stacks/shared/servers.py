"""The server that runs this process, found among its live objects: what it was configured with in the end.

A server tells an application nothing of itself, so its own objects are looked up among all that Python keeps track of.
"""

import gc
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any


@dataclass(frozen=True)
class Server:
    """What it says of itself; None for what it does not have, or does not say."""

    name: str
    threads: int | None = None
    """Requests at once at most, where the server itself runs the handlers on threads or one by one."""
    keep_alive_s: float | None = None
    parser: str | None = None

    @property
    def named(self) -> str:
        """Name and version."""
        return f"{self.name} {version(self.name)}"


def running() -> Server:
    """The server of this process."""
    for find in (_gunicorn, _uvicorn, _hypercorn, _granian):
        if server := find():
            return server
    raise LookupError("no server that stacks/shared/servers.py knows runs this process")


def _gunicorn() -> Server | None:
    workers = _live("gunicorn.workers.base", "Worker")
    worker = next((worker for worker in workers if worker.pid == os.getpid()), None)
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


def _uvicorn() -> Server | None:
    config = next(_live("uvicorn.config", "Config"), None)
    if config is None:
        return None
    module = config.http_protocol_class.__module__.rpartition(".")[2]
    return Server("uvicorn", keep_alive_s=config.timeout_keep_alive, parser=module.removesuffix("_impl"))


def _hypercorn() -> Server | None:
    protocol = next(_live("hypercorn.protocol.h11", "H11Protocol"), None)
    if protocol is None:
        return None
    parser = type(protocol.connection).__module__.partition(".")[0]
    return Server("hypercorn", keep_alive_s=protocol.config.keep_alive_timeout, parser=parser)


def _granian() -> Server | None:
    """Its settings are in Rust by the time a request comes; its parser is Rust's hyper, without a choice."""
    return Server("granian", parser="hyper") if "granian.server.mp" in sys.modules else None


def _live(module: str, name: str) -> Iterator[Any]:
    """Instances of a class; none where nothing has imported its module."""
    kind = getattr(sys.modules.get(module), name, None)
    return (found for found in gc.get_objects() if issubclass(type(found), kind)) if kind else iter(())
