"""Calls to `upstream` on an event loop: aiohttp (docs/http-clients.md has the measurement)."""

from asyncio import Semaphore, gather
from types import TracebackType
from typing import Self

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from stacks.shared.upstream import READ_TIMEOUT_S, UpstreamError, answer, check

IDLE_S = 60.0
"""Kept connections are given up before `upstream` closes them (75 s)."""


class Upstream:
    """At most `connections` calls at once."""

    _http: ClientSession

    def __init__(self, url: str, connections: int) -> None:
        self._url = url
        self._connections = connections

    async def __aenter__(self) -> Self:
        self._http = ClientSession(
            self._url,
            connector=TCPConnector(limit=self._connections, keepalive_timeout=IDLE_S),
            timeout=ClientTimeout(sock_read=READ_TIMEOUT_S),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def sequential(self, path: str, n: int) -> dict[str, object]:
        """`n` calls, one after the other."""
        return answer([await self._get(path) for _ in range(n)])

    async def concurrent(self, path: str, n: int) -> dict[str, object]:
        """`n` calls at once, as far as connections reach."""
        return answer(await gather(*(self._get(path) for _ in range(n))))

    async def bounded(self, path: str, n: int, limit: int) -> dict[str, object]:
        """`n` calls, at most `limit` at once."""
        places = Semaphore(limit)

        async def get() -> object:
            async with places:
                return await self._get(path)

        return answer(await gather(*(get() for _ in range(n))))

    async def _get(self, path: str) -> object:
        try:
            async with self._http.get(path) as response:
                check(response.status)
                return await response.json()
        except (ClientError, TimeoutError) as error:
            raise UpstreamError(f"upstream did not answer ({type(error).__name__})") from error
