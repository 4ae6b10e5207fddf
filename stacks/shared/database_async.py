"""Database work on an event loop: a psycopg connection pool, or a connection for each request."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Self

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from stacks.shared.database import LONGEST_WAIT_S, Row, answer, select_many, select_one


class Queries(ABC):
    """A request holds one connection from its first query to its last."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @abstractmethod
    def _connection(self) -> AbstractAsyncContextManager[AsyncConnection[Row]]: ...

    async def sequential(self, ids: Sequence[int], ms: int) -> dict[str, object]:
        """Run one query after the other; each takes the database `ms` milliseconds longer."""
        rows: list[Row] = []
        async with self._connection() as connection:
            for row_id in ids:
                cursor = await connection.execute(*select_one(row_id, ms))
                rows += await cursor.fetchall()
        return answer(ids, rows)

    async def batched(self, ids: Sequence[int], ms: int) -> dict[str, object]:
        """Read all rows in one round trip, which takes the database `ms` milliseconds longer."""
        async with self._connection() as connection:
            cursor = await connection.execute(*select_many(ids, ms))
            return answer(ids, await cursor.fetchall())


class Database(Queries):
    """A pool of `connections` connections, for a server with one event loop."""

    def __init__(self, url: str, connections: int) -> None:
        self._pool: AsyncConnectionPool[AsyncConnection[Row]] = AsyncConnectionPool(
            url,
            kwargs={"autocommit": True},
            min_size=connections,
            max_size=connections,
            timeout=LONGEST_WAIT_S,
            open=False,
        )

    async def __aenter__(self) -> Self:
        await self._pool.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.close()

    @property
    def connections(self) -> int:
        """Return how many connections the pool has at most."""
        return self._pool.max_size

    def _connection(self) -> AbstractAsyncContextManager[AsyncConnection[Row]]:
        return self._pool.connection()


class DatabasePerRequest(Queries):
    """A new connection for each request: where each has an event loop of its own, none can outlive it."""

    def __init__(self, url: str) -> None:
        self._url = url

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[Row]]:
        async with await AsyncConnection.connect(self._url, autocommit=True) as connection:
            yield connection
