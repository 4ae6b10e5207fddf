"""Database work on threads: a psycopg connection pool."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from psycopg import Connection
from psycopg_pool import ConnectionPool

from stacks.shared.database import LONGEST_WAIT_S, Row, answer, select_many, select_one


class Database:
    """A pool of `connections` connections; a request holds one of them from its first query to its last."""

    def __init__(self, url: str, connections: int) -> None:
        self._pool: ConnectionPool[Connection[Row]] = ConnectionPool(
            url,
            kwargs={"autocommit": True},
            min_size=connections,
            max_size=connections,
            timeout=LONGEST_WAIT_S,
            open=False,
        )

    def __enter__(self) -> Self:
        self._pool.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()

    @property
    def connections(self) -> int:
        """Return how many connections the pool has at most."""
        return self._pool.max_size

    def sequential(self, ids: Sequence[int], ms: int) -> dict[str, object]:
        """Run one query after the other; each takes the database `ms` milliseconds longer."""
        rows: list[Row] = []
        with self._pool.connection() as connection:
            for row_id in ids:
                rows += connection.execute(*select_one(row_id, ms)).fetchall()
        return answer(ids, rows)

    def batched(self, ids: Sequence[int], ms: int) -> dict[str, object]:
        """Read all rows in one round trip, which takes the database `ms` milliseconds longer."""
        with self._pool.connection() as connection:
            return answer(ids, connection.execute(*select_many(ids, ms)).fetchall())
