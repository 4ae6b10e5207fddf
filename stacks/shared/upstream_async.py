"""Calls to `upstream` on an event loop: aiohttp (docs/http-clients.md has the measurement)."""

from asyncio import Semaphore, gather
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector

from stacks.shared.upstream import READ_TIMEOUT_S, answer, check, no_answer

IDLE_S = 60.0
"""Kept connections are given up before `upstream` closes them (75 s)."""


class Upstream:
    """At most `connections` calls at once."""

    _http: ClientSession

    def __init__(self, url: str, connections: int) -> None:
        self._url = url
        self._connections = connections

    async def __aenter__(self) -> Self:
        self._http = self._new_session()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    @property
    def connections(self) -> int:
        """Return how many connections the client's session has at most."""
        return self._http.connector.limit if self._http.connector else 0

    async def sequential(self, path: str, n: int) -> dict[str, object]:
        """Make `n` calls, one after the other."""
        async with self._session() as http:
            return answer([await _get(http, path) for _ in range(n)])

    async def concurrent(self, path: str, n: int) -> dict[str, object]:
        """Make `n` calls at once, as far as connections reach."""
        async with self._session() as http:
            return answer(await gather(*(_get(http, path) for _ in range(n))))

    async def bounded(self, path: str, n: int, limit: int) -> dict[str, object]:
        """Make `n` calls, at most `limit` at once."""
        places = Semaphore(limit)

        async def get(http: ClientSession) -> object:
            async with places:
                return await _get(http, path)

        async with self._session() as http:
            return answer(await gather(*(get(http) for _ in range(n))))

    async def stream(self, path: str) -> "Lines":
        """Yield the lines of a streamed answer, which holds a connection until its end."""
        try:
            response = await self._http.get(path)
        except (ClientError, TimeoutError) as error:
            raise no_answer(error) from error
        check(response.status)
        return Lines(response)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[ClientSession]:
        yield self._http

    def _new_session(self) -> ClientSession:
        return ClientSession(
            self._url,
            connector=TCPConnector(limit=self._connections, keepalive_timeout=IDLE_S),
            timeout=ClientTimeout(sock_read=READ_TIMEOUT_S),
        )


class UpstreamPerRequest(Upstream):
    """New connections for each request: where each has an event loop of its own, none can outlive it."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[ClientSession]:
        async with self._new_session() as http:
            yield http


async def _get(http: ClientSession, path: str) -> object:
    try:
        async with http.get(path) as response:
            check(response.status)
            return await response.json()
    except (ClientError, TimeoutError) as error:
        raise no_answer(error) from error


class Lines:
    """An iterator whose connection is given up by `aclose`: a generator that was never begun would keep it."""

    def __init__(self, response: ClientResponse) -> None:
        self._response = response

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if line := await self._response.content.readline():
            return line
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the answer before its end; after the last line its connection has already gone back."""
        self._response.close()
