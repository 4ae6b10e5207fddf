"""A real HTTP server for tests, on a free port: what it does with a connection is written inside the test."""

import asyncio
import json
import resource
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

HELLO = json.dumps({"message": "Hello, World!"}).encode()


def response(body: bytes = HELLO, status: int = 200, headers: bytes = b"") -> bytes:
    """The bytes of a whole response."""
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n%b\r\n%b" % (status, len(body), headers, body)


class Peer:
    """One connection, from the server's side."""

    def __init__(self, server: "Server", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self._reader = reader
        self._writer = writer

    async def request(self) -> bytes | None:
        """The next request's first line and headers, its body read; None where the client has closed."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            _, found, rest = head.partition(b"Content-Length: ")
            if found:
                await self._reader.readexactly(int(rest.split(b"\r\n")[0]))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        self.server.requests += 1
        self.server.heard += 1
        return head

    async def read(self) -> bytes:
        """Whatever comes next; empty where the client has closed."""
        try:
            data = await self._reader.read(65_536)
        except ConnectionError:
            return b""
        self.server.heard += bool(data)
        return data

    async def send(self, data: bytes) -> None:
        """Just these bytes."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, body: bytes = HELLO, status: int = 200, headers: bytes = b"") -> None:
        """A whole response."""
        await self.send(response(body, status, headers))


Talk = Callable[[Peer], Awaitable[None]]


async def polite(peer: Peer) -> None:
    """Answers each request on a kept connection."""
    while await peer.request():
        await peer.answer()


class Server:
    """Runs `talk` for each connection, then closes it; counts connections and requests, the driver's probe included.

    It accepts by itself: asyncio's server loses a transport when it is closed while a connection is being accepted, and
    whoever is running when that is collected fails. What `talk` raises is raised at the end of the `with` block.
    """

    def __init__(self, talk: Talk = polite) -> None:
        self.talk = talk
        self.connections = 0
        self.requests = 0
        self.heard = 0
        """Requests, and whatever else was read."""
        self.counted = 0
        """For the test's own use."""
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._wrong: list[BaseException] = []
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener, self._accept)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self._wrong and error is None:
            raise self._wrong[0]

    def call(self, work: Callable[[], object]) -> None:
        """Run `work` on the server's event loop."""
        self._loop.call_soon_threadsafe(work)

    def stop_listening(self) -> None:
        """Refuse new connections from now on; called by `talk`."""
        if self._listener.fileno() != -1:
            self._loop.remove_reader(self._listener)
            self._listener.close()

    def _accept(self) -> None:
        with suppress(BlockingIOError, ConnectionError):
            task = self._loop.create_task(self._serve(self._listener.accept()[0]))
            self._serving.add(task)
            task.add_done_callback(self._served)

    def _served(self, task: "asyncio.Task[None]") -> None:
        self._serving.discard(task)
        if wrong := task.exception():
            self._wrong.append(wrong)

    async def _serve(self, client: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=client)
        self.connections += 1
        self._writers.add(writer)
        try:
            with suppress(ConnectionError):
                await self.talk(Peer(self, reader, writer))
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self._writers.discard(writer)

    async def _stop(self) -> None:
        self.stop_listening()
        while self._serving:
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.sleep(0.001)


def connections_at_most(most: int) -> Server:
    """A server with a thread for each connection has only so many; a further one waits until another ends."""
    free = asyncio.Semaphore(most)

    async def talk(peer: Peer) -> None:
        async with free:
            await polite(peer)

    return Server(talk)
