"""The server that runs this process, found among its live objects: what it was configured with in the end.

A server tells an application nothing of itself, so its own objects are looked up among all that Python keeps track of.
Each file here knows one server: its function `running` returns a `Server`, or None in a process of another one.
"""

import gc
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pkgutil import iter_modules
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
        """Return name and version."""
        return f"{self.name} {version(self.name)}"


def running() -> Server:
    """Return the server of this process.

    Raises:
        LookupError: no file here knows it.
    """
    for module in iter_modules(__path__):
        server: Server | None = import_module(f"{__name__}.{module.name}").running()
        if server:
            return server
    raise LookupError("no file of stacks/shared/servers/ knows the server that runs this process: add one for it")


def live(module: str, name: str) -> Iterator[Any]:
    """Yield the instances of a class; none where nothing has imported its module."""
    kind = getattr(sys.modules.get(module), name, None)
    return (found for found in gc.get_objects() if issubclass(type(found), kind)) if kind else iter(())
