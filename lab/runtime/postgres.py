"""Wait for PostgreSQL, and ask for its state."""

import time
from collections.abc import Callable
from typing import Any

import psycopg

from lab.errors import LabError

_ASK_AGAIN_AFTER_S = 0.02

_BUSY = """
SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()
"""


def ready(port: int, died: Callable[[], str | None], within_s: float) -> str:
    """Wait until PostgreSQL takes connections; its table is filled before its port opens.

    Returns:
        The server's version.

    Raises:
        LabError: it ended, or took no connection within `within_s` seconds.
    """
    deadline_s = time.monotonic() + within_s
    while True:
        try:
            with _connect(port) as connection:
                return str(connection.info.parameter_status("server_version"))
        except psycopg.OperationalError as error:
            if gone := died():
                raise LabError(gone) from None
            if time.monotonic() > deadline_s:
                raise LabError(f"PostgreSQL took no connection within {within_s:.0f} s: {error}") from None
        time.sleep(_ASK_AGAIN_AFTER_S)


def wrong(port: int) -> str | None:
    """Return why PostgreSQL does not serve the table, in a sentence; None if it does."""
    try:
        with _connect(port, statement_timeout_ms=2000) as connection:
            connection.execute("SELECT value FROM items LIMIT 1")
    except psycopg.Error as error:
        return f"PostgreSQL does not answer ({str(error).strip()})."
    return None


class Monitor:
    """A connection of the lab's own that asks PostgreSQL for its state.

    Raises:
        LabError: PostgreSQL takes no connection.
    """

    def __init__(self, port: int) -> None:
        try:
            self._connection = _connect(port, statement_timeout_ms=500)
        except psycopg.OperationalError as error:
            raise LabError(f"PostgreSQL takes no connection: {error}") from None

    def busy_connections(self) -> int | None:
        """Return the number of client connections that are executing a statement; None if PostgreSQL does not answer."""
        try:
            row = self._connection.execute(_BUSY).fetchone()
        except psycopg.Error:
            return None
        return int(row[0]) if row else None

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def _connect(port: int, statement_timeout_ms: int = 0) -> "psycopg.Connection[tuple[Any, ...]]":
    """Connect to the lab's database; 0 means no limit for a statement."""
    address, options = f"postgresql://lab@127.0.0.1:{port}/postgres", f"-c statement_timeout={statement_timeout_ms}"
    return psycopg.connect(address, connect_timeout=2, autocommit=True, options=options)
