"""Database work on an event loop: a psycopg connection pool."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from stacks.shared.database import LONGEST_WAIT_S, Row, answer, select_many, select_one


class Database:
    """A pool of `connections` connections; a request holds one of them from its first query to its last."""

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

    async def sequential(self, ids: Sequence[int], ms: int) -> dict[str, object]:
        """One query after the other; each takes the database `ms` milliseconds longer."""
        rows: list[Row] = []
        async with self._pool.connection() as connection:
            for row_id in ids:
                cursor = await connection.execute(*select_one(row_id, ms))
                rows += await cursor.fetchall()
        return answer(ids, rows)

    async def batched(self, ids: Sequence[int], ms: int) -> dict[str, object]:
        """All rows in one round trip, which takes the database `ms` milliseconds longer."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(*select_many(ids, ms))
            return answer(ids, await cursor.fetchall())
