"""What `GET /settings` answers: what this process really runs with, read from its live objects, never from the environment."""

import asyncio
import platform
from contextlib import suppress
from importlib.metadata import version

from stacks.shared import servers
from stacks.shared.threads import cooperative


def answer(framework: str, slots: int, db_pool: int | None, upstream_connections: int | None) -> dict[str, object]:
    """Return all effective settings by name; None for what there is none of.

    Args:
        framework: name of its package.
        slots: threads of the application for work that blocks; where a server has threads of its own, theirs count.
        db_pool: connections to PostgreSQL at most; None: no pool, one for each request at work.
        upstream_connections: at most, of all requests together; None: nothing bounds them.
    """
    server = servers.running()
    slots = server.threads or slots
    return {
        "slots": slots,
        "db_pool": slots if db_pool is None else db_pool,
        "upstream_connections": upstream_connections,
        "keep_alive_s": server.keep_alive_s,
        "loop": _loop(),
        "parser": server.parser,
        "language": f"python {platform.python_version()}",
        "server": server.named,
        "framework": f"{framework} {version(framework)}",
    }


def _loop() -> str | None:
    """Return the class of the caller's event loop: asyncio's, or gevent's below its thread."""
    with suppress(RuntimeError):
        return _named(asyncio.get_running_loop())
    if not cooperative():
        return None
    from gevent import get_hub

    return _named(get_hub().loop)


def _named(loop: object) -> str:
    return f"{type(loop).__module__}.{type(loop).__qualname__}"
