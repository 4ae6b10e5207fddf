"""What each path answers in a synchronous handler: the same code for every stack without coroutines.

What is left to an application is its framework: routes, requests, errors, streams.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from stacks.shared import crunch, files, params, parser, relay
from stacks.shared.database import seeded_ids
from stacks.shared.database_sync import Database
from stacks.shared.params import Query
from stacks.shared.processes import Processes
from stacks.shared.settings import Settings
from stacks.shared.threads import pools
from stacks.shared.upstream import delay_path, stream_path
from stacks.shared.upstream_sync import Upstream

Answer = dict[str, object]
Get = Callable[[Query], Answer]
Post = Callable[[bytes], Answer]


class Work:
    """The handlers behind the contract's paths, and what they share while the server runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._threads, self._callers = pools(settings.slots)
        self._processes = Processes()
        self._fixtures = files.Fixtures()
        self._database = Database(settings.database_url, settings.db_pool)
        self._upstream = Upstream(settings.upstream_url, settings.upstream_connections, self._callers)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        shared = (self._threads, self._callers, self._processes, self._fixtures, self._database, self._upstream)
        for one in shared:
            self._open.enter_context(one)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

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
            "/wait": self.wait,
            "/mixed": self.mixed,
        }

    def posts(self) -> dict[str, Post]:
        """POST paths and what answers them, from the body."""
        return {"/parse/plain": self.parse_plain, "/parse/threadpool": self.parse_threadpool}

    def health(self, _: Query) -> Answer:
        return {"status": "ok", "stack": self._settings.stack}

    def hello(self, _: Query) -> Answer:
        return {"message": "Hello, World!"}

    def parse_plain(self, body: bytes) -> Answer:
        return parser.answer(parser.text_of(parser.decode(body)))

    def parse_threadpool(self, body: bytes) -> Answer:
        return parser.answer(self._threads.submit(parser.text_of, parser.decode(body)).result())

    def crunch_inline(self, query: Query) -> Answer:
        rounds = params.rounds(query)
        return crunch.answer(rounds, crunch.digest(rounds))

    def crunch_thread(self, query: Query) -> Answer:
        rounds = params.rounds(query)
        return crunch.answer(rounds, self._threads.submit(crunch.digest, rounds).result())

    def crunch_process(self, query: Query) -> Answer:
        rounds = params.rounds(query)
        return crunch.answer(rounds, self._processes.submit(crunch.digest, rounds).result())

    def db_one(self, query: Query) -> Answer:
        return self._database.sequential(seeded_ids(params.seed(query), 1), params.milliseconds(query, 0))

    def db_sequential(self, query: Query) -> Answer:
        ids = seeded_ids(params.seed(query), params.count(query))
        return self._database.sequential(ids, params.milliseconds(query, 0))

    def db_batched(self, query: Query) -> Answer:
        ids = seeded_ids(params.seed(query), params.count(query))
        return self._database.batched(ids, params.milliseconds(query, 0))

    def http_one(self, query: Query) -> Answer:
        return self._upstream.sequential(_delay_path(query), 1)

    def http_sequential(self, query: Query) -> Answer:
        return self._upstream.sequential(_delay_path(query), params.count(query))

    def http_concurrent(self, query: Query) -> Answer:
        return self._upstream.concurrent(_delay_path(query), params.count(query))

    def http_bounded(self, query: Query) -> Answer:
        return self._upstream.bounded(_delay_path(query), params.count(query), params.limit(query))

    def file_blocking(self, query: Query) -> Answer:
        return files.answer(files.read(*self._file(query)))

    def file_thread(self, query: Query) -> Answer:
        return files.answer(self._threads.submit(files.read, *self._file(query)).result())

    def _file(self, query: Query) -> tuple[Path, int]:
        return self._fixtures.path(params.kilobytes(query)), params.milliseconds(query, 0)

    def wait(self, query: Query) -> Answer:
        ms = params.milliseconds(query, 50)
        time.sleep(ms / 1000)
        return {"waited_ms": ms}

    def mixed(self, query: Query) -> Answer:
        ms, rounds = params.milliseconds(query, 5), params.rounds(query)
        time.sleep(ms / 1000)
        return {"waited_ms": ms, **crunch.answer(rounds, crunch.digest(rounds))}

    def stream(self, query: Query) -> Iterator[bytes]:
        """Server-sent events, once `upstream` has begun to answer."""
        lines = self._upstream.stream(stream_path(params.chunks(query), params.milliseconds(query, 20)))
        return (event for line in lines if (event := relay.event(line)))


def _delay_path(query: Query) -> str:
    return delay_path(params.milliseconds(query, 20), params.capacity(query))
