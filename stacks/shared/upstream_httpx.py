"""Calls to `upstream` by httpx, the one client library for both worlds, in place of aiohttp on loops and urllib3 on threads.

docs/http-clients.md says why the other stacks do not use it.
"""

from concurrent.futures import Executor
from types import TracebackType
from typing import Self

from httpx import AsyncClient, Client, HTTPError, Limits, Response, Timeout

from stacks.shared import upstream_async, upstream_sync
from stacks.shared.upstream import READ_TIMEOUT_S, answer, check, no_answer

IDLE_S = 60.0
"""Kept connections are given up before `upstream` closes them (75 s)."""


def _options(connections: int) -> tuple[Limits, Timeout]:
    """Return limits and timeouts as the other clients have them."""
    return (
        Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=IDLE_S),
        Timeout(None, read=READ_TIMEOUT_S),
    )


class AsyncUpstream(upstream_async.Upstream):
    """At most `connections` calls at once, on an event loop; only calls one after the other."""

    _client: AsyncClient

    async def __aenter__(self) -> Self:
        limits, timeout = _options(self._connections)
        self._client = AsyncClient(base_url=self._url, limits=limits, timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    @property
    def connections(self) -> int:
        """Return how many connections the client was given at most: it does not say so itself."""
        return self._connections

    async def sequential(self, path: str, n: int) -> dict[str, object]:
        """Make `n` calls, one after the other."""
        return answer([await self._called(path) for _ in range(n)])

    async def _called(self, path: str) -> object:
        try:
            return _read(await self._client.get(path))
        except HTTPError as error:
            raise no_answer(error) from error


class SyncUpstream(upstream_sync.Upstream):
    """At most `connections` calls at once, on threads; only calls one after the other."""

    def __init__(self, url: str, connections: int, threads: Executor) -> None:
        super().__init__(url, connections, threads)
        self._limit = connections
        limits, timeout = _options(connections)
        self._client = Client(base_url=url, limits=limits, timeout=timeout)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    @property
    def connections(self) -> int:
        """Return how many connections the client was given at most: it does not say so itself."""
        return self._limit

    def sequential(self, path: str, n: int) -> dict[str, object]:
        """Make `n` calls, one after the other."""
        return answer(self._called(path) for _ in range(n))

    def _called(self, path: str) -> object:
        try:
            return _read(self._client.get(path))
        except HTTPError as error:
            raise no_answer(error) from error


def _read(response: Response) -> object:
    check(response.status_code)
    return response.json()
