"""What each path answers on an event loop: the same code for every asynchronous stack.

What is left to an application is its framework: routes, requests, threads, errors, streams.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from stacks.shared import crunch, files, params, parser, relay
from stacks.shared.database import seeded_ids
from stacks.shared.database_async import Queries
from stacks.shared.params import Query
from stacks.shared.processes import Processes
from stacks.shared.settings import Settings
from stacks.shared.upstream import delay_path, stream_path
from stacks.shared.upstream_async import Upstream

Answer = dict[str, object]
Get = Callable[[Query], Awaitable[Answer]]
Post = Callable[[bytes], Awaitable[Answer]]
Result = TypeVar("Result")


class ToThread(Protocol):
    """The framework's way of running a function on its thread pool."""

    def __call__(self, work: Callable[..., Result], /, *args: object) -> Awaitable[Result]: ...


class Work:
    """The handlers behind the contract's paths, and what they share while the server runs."""

    def __init__(
        self,
        settings: Settings,
        database: Queries,
        upstream: Upstream,
        to_thread: ToThread,
        read_file: Callable[[Path, int], Awaitable[bytes]],
    ) -> None:
        self._settings = settings
        self._database = database
        self._upstream = upstream
        self._to_thread = to_thread
        self._read_file = read_file
        self._processes = Processes()
        self._fixtures = files.Fixtures()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Open what belongs to no event loop: all there is where each request has its own."""
        self._open.enter_context(self._processes)
        self._open.enter_context(self._fixtures)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    async def __aenter__(self) -> Self:
        """Open everything, on the event loop of the server."""
        self.__enter__()
        await self._database.__aenter__()
        await self._upstream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._upstream.__aexit__(kind, value, trace)
        await self._database.__aexit__(kind, value, trace)
        self.__exit__(kind, value, trace)

    def gets(self) -> dict[str, Get]:
        """GET paths and what answers them, from the query."""
        return {
            "/health": self.health,
            "/json": self.hello,
            "/crunch/inline": self.crunch_inline,
            "/crunch/thread": self.crunch_thread,
            "/crunch/process": self.crunch_process,
            "/db/one": self.db_one,
            "/db/sequential": self.db_sequential,
            "/db/batched": self.db_batched,
            "/http/one": self.http_one,
            "/http/sequential": self.http_sequential,
            "/http/concurrent": self.http_concurrent,
            "/http/bounded": self.http_bounded,
            "/file/blocking": self.file_blocking,
            "/file/thread": self.file_thread,
            "/file/async": self.file_async,
            "/wait": self.wait,
            "/mixed": self.mixed,
            "/hazard/blocking-wait": self.hazard_blocking_wait,
        }

    def posts(self) -> dict[str, Post]:
        """POST paths and what answers them, from the body."""
        return {
            "/parse/plain": self.parse_plain,
            "/parse/coroutine": self.parse_coroutine,
            "/parse/threadpool": self.parse_threadpool,
        }

    async def health(self, _: Query) -> Answer:
        return {"status": "ok", "stack": self._settings.stack}

    async def hello(self, _: Query) -> Answer:
        return {"message": "Hello, World!"}

    async def parse_plain(self, body: bytes) -> Answer:
        return parser.answer(parser.text_of(parser.decode(body)))

    async def parse_coroutine(self, body: bytes) -> Answer:
        return parser.answer(await parser.text_of_coroutine(parser.decode(body)))

    async def parse_threadpool(self, body: bytes) -> Answer:
        return parser.answer(await self._to_thread(parser.text_of, parser.decode(body)))

    async def crunch_inline(self, query: Query) -> Answer:
        rounds = params.rounds(query)
        return crunch.answer(rounds, crunch.digest(rounds))

    async def crunch_thread(self, query: Query) -> Answer:
        rounds = params.rounds(query)
        return crunch.answer(rounds, await self._to_thread(crunch.digest, rounds))

    async def crunch_process(self, query: Query) -> Answer:
        rounds = params.rounds(query)
        return crunch.answer(rounds, await asyncio.wrap_future(self._processes.submit(crunch.digest, rounds)))

    async def db_one(self, query: Query) -> Answer:
        return await self._database.sequential(seeded_ids(params.seed(query), 1), params.milliseconds(query, 0))

    async def db_sequential(self, query: Query) -> Answer:
        ids = seeded_ids(params.seed(query), params.count(query))
        return await self._database.sequential(ids, params.milliseconds(query, 0))

    async def db_batched(self, query: Query) -> Answer:
        ids = seeded_ids(params.seed(query), params.count(query))
        return await self._database.batched(ids, params.milliseconds(query, 0))

    async def http_one(self, query: Query) -> Answer:
        return await self._upstream.sequential(_delay_path(query), 1)

    async def http_sequential(self, query: Query) -> Answer:
        return await self._upstream.sequential(_delay_path(query), params.count(query))

    async def http_concurrent(self, query: Query) -> Answer:
        return await self._upstream.concurrent(_delay_path(query), params.count(query))

    async def http_bounded(self, query: Query) -> Answer:
        return await self._upstream.bounded(_delay_path(query), params.count(query), params.limit(query))

    async def file_blocking(self, query: Query) -> Answer:
        return files.answer(files.read(*self._file(query)))

    async def file_thread(self, query: Query) -> Answer:
        return files.answer(await self._to_thread(files.read, *self._file(query)))

    async def file_async(self, query: Query) -> Answer:
        return files.answer(await self._read_file(*self._file(query)))

    def _file(self, query: Query) -> tuple[Path, int]:
        return self._fixtures.path(params.kilobytes(query)), params.milliseconds(query, 0)

    async def wait(self, query: Query) -> Answer:
        ms = params.milliseconds(query, 50)
        await asyncio.sleep(ms / 1000)
        return {"waited_ms": ms}

    async def mixed(self, query: Query) -> Answer:
        ms, rounds = params.milliseconds(query, 5), params.rounds(query)
        await asyncio.sleep(ms / 1000)
        return {"waited_ms": ms, **crunch.answer(rounds, crunch.digest(rounds))}

    async def hazard_blocking_wait(self, query: Query) -> Answer:
        """The mistake: a blocking sleep in a coroutine. Whatever shares its event loop waits too."""
        ms = params.milliseconds(query, 50)
        time.sleep(ms / 1000)
        return {"waited_ms": ms}

    async def stream(self, query: Query) -> AsyncIterator[bytes]:
        """Server-sent events, once `upstream` has begun to answer."""
        lines = await self._upstream.stream(stream_path(params.chunks(query), params.milliseconds(query, 20)))
        return (event async for line in lines if (event := relay.event(line)))


def _delay_path(query: Query) -> str:
    return delay_path(params.milliseconds(query, 20), params.capacity(query))
