"""Calls to `upstream` on threads: urllib3 (docs/http-clients.md has the measurement)."""

from collections.abc import Iterator
from concurrent.futures import Executor
from types import TracebackType
from typing import Self

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Timeout, connection_from_url
from urllib3.exceptions import HTTPError

from stacks.shared.upstream import READ_TIMEOUT_S, UpstreamError, answer, check, no_answer


class Upstream:
    """At most `connections` calls at once; what runs side by side runs on `threads`."""

    def __init__(self, url: str, connections: int, threads: Executor) -> None:
        self._http: HTTPConnectionPool = connection_from_url(
            url, maxsize=connections, block=True, retries=False, timeout=Timeout(read=READ_TIMEOUT_S)
        )
        self._threads = threads

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    @property
    def connections(self) -> int:
        """Return how many connections the client has at most."""
        return self._http.pool.maxsize if self._http.pool else 0

    def sequential(self, path: str, n: int) -> dict[str, object]:
        """Make `n` calls, one after the other."""
        return answer(self._get(path) for _ in range(n))

    def concurrent(self, path: str, n: int) -> dict[str, object]:
        """Make `n` calls at once, as far as threads and connections reach."""
        return answer(self._threads.map(self._get, [path] * n))

    def bounded(self, path: str, n: int, limit: int) -> dict[str, object]:
        """Make `n` calls, at most `limit` at once: that many runners share the list of calls."""
        calls = iter([path] * n)
        runners = [self._threads.submit(lambda: [self._get(call) for call in calls]) for _ in range(min(limit, n))]
        return answer(result for runner in runners for result in runner.result())

    def stream(self, path: str) -> "Lines":
        """Yield the lines of a streamed answer, which holds a connection until its end or until its client has gone."""
        return Lines(self._request(path, preload_content=False))

    def _get(self, path: str) -> object:
        response = self._request(path)
        return response.json()

    def _request(self, path: str, *, preload_content: bool = True) -> BaseHTTPResponse:
        try:
            response = self._http.request("GET", path, preload_content=preload_content)
        except HTTPError as error:
            raise no_answer(error) from error
        try:
            check(response.status)
        except UpstreamError:
            _give_back(response)
            raise
        return response


class Lines:
    """An iterator that gives its connection back however it ends: a generator that was never begun would not."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        self._response = response
        self._lines = iter(response)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._lines)
        except BaseException:
            self.close()
            raise

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the answer before its end."""
        _give_back(self._response)


def _give_back(response: BaseHTTPResponse) -> None:
    """Close a connection whose answer was not read to its end; any other has already gone back."""
    response.close()
    response.release_conn()
