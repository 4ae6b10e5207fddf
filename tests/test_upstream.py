"""The upstream service, and the clients that the stacks call it with."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest

from lab.paths import ROOT
from services.upstream.app import app
from stacks.shared import relay
from stacks.shared.upstream import UpstreamError, delay_path, stream_path
from stacks.shared.upstream_async import Upstream as AsyncUpstream
from stacks.shared.upstream_async import UpstreamPerRequest
from stacks.shared.upstream_sync import Upstream as SyncUpstream
from tests.conftest import until


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where an upstream listens, on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "uvicorn", f"--fd={listener.fileno()}", "services.upstream.app:app"]
        server = subprocess.Popen(command, cwd=ROOT, pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL)
        try:
            yield "{}:{}".format(*listener.getsockname())
        finally:
            server.terminate()
            server.wait(timeout=60)


class OnThreads:
    """The synchronous client."""

    def __init__(self, address: str) -> None:
        self._address = address

    def call(self, technique: str, *words: object) -> dict[str, object]:
        """Run one technique from start to end."""
        with ThreadPoolExecutor(40) as threads, SyncUpstream(f"http://{self._address}", 100, threads) as upstream:
            answer: dict[str, object] = getattr(upstream, technique)(*words)
            return answer


class OnLoop(OnThreads):
    """The asynchronous client."""

    kind: type[AsyncUpstream] = AsyncUpstream

    def call(self, technique: str, *words: object) -> dict[str, object]:
        """Run one technique from start to end."""

        async def run() -> dict[str, object]:
            async with self.kind(f"http://{self._address}", 100) as upstream:
                answer: dict[str, object] = await getattr(upstream, technique)(*words)
                return answer

        return asyncio.run(run())


class OnLoopPerRequest(OnLoop):
    """The asynchronous client that keeps no connection."""

    kind = UpstreamPerRequest


@pytest.fixture(params=[OnThreads, OnLoop, OnLoopPerRequest])
def client(request: pytest.FixtureRequest, address: str) -> OnThreads:
    """Each client in turn."""
    made: OnThreads = request.param(address)
    return made


def ask(address: str, path: str) -> tuple[int, bytes]:
    """One request by hand."""
    connection = HTTPConnection(address, timeout=60)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_an_answer_has_the_same_length_after_any_delay(address: str) -> None:
    start = time.monotonic()
    assert ask(address, "/delay?ms=100") == (200, b'{"waited_ms":"00100"}')
    assert time.monotonic() - start >= 0.099
    assert ask(address, "/delay?ms=0") == (200, b'{"waited_ms":"00000"}')


@pytest.mark.parametrize("query", ["ms=", "ms=x", "ms=-1", "ms=60001", "capacity=x", "chunks=10001"])
def test_a_bad_parameter_is_refused(address: str, query: str) -> None:
    status, body = ask(address, f"/delay?{query}")
    assert status == 422
    assert query.partition("=")[0] in json.loads(body)["error"]


def test_an_unknown_path_is_refused(address: str) -> None:
    assert ask(address, "/nothing")[0] == 404


def test_a_chat_completion_is_streamed_as_events_that_end_with_done(address: str) -> None:
    status, body = ask(address, "/stream?chunks=2&ms=0")
    *events, done = [event.removeprefix("data: ") for event in body.decode().split("\n\n") if event]
    assert (status, done) == (200, "[DONE]")
    contents = [json.loads(event)["choices"][0]["delta"]["content"] for event in events]
    assert contents == [[{"type": "text", "text": f"word {index:05d} "}] for index in range(2)]


@pytest.mark.parametrize("technique", [("sequential", 3), ("concurrent", 3), ("bounded", 3, 2)])
def test_every_technique_answers_with_every_call(client: OnThreads, technique: tuple[str, ...]) -> None:
    name, *numbers = technique
    assert client.call(name, delay_path(0, 0), *numbers) == {"answers": [{"waited_ms": "00000"}] * 3}


def test_a_stream_ends_when_its_client_has_gone() -> None:
    """A contract check leaves hundreds of them, which would take CPU time from the first trials."""
    sent: list[object] = []
    messages = iter([{"type": "http.request"}, {"type": "http.disconnect"}])

    async def receive() -> dict[str, str]:
        return next(messages)

    async def send(message: object) -> None:
        sent.append(message)

    asyncio.run(app({"type": "http", "path": "/stream", "query_string": b"chunks=10000&ms=0"}, receive, send))
    assert len(sent) < 5


def test_calls_at_once_overlap(client: OnThreads) -> None:
    start = time.monotonic()
    client.call("concurrent", delay_path(500, 0), 10)
    assert time.monotonic() - start < 2.5, "one after the other they take 5 s"


def test_bounded_calls_never_exceed_their_limit(client: OnThreads, address: str) -> None:
    until(lambda: ask(address, "/delay?ms=0&capacity=1")[0] == 200)  # calls that another test gave up have ended
    client.call("bounded", delay_path(5, 3), 30, 3)
    with pytest.raises(UpstreamError, match="upstream answered 503"):
        client.call("bounded", delay_path(50, 3), 30, 4)


def test_an_upstream_that_is_full_refuses_at_once(client: OnThreads) -> None:
    with pytest.raises(UpstreamError, match="upstream answered 503"):
        client.call("concurrent", delay_path(1_000, 5), 6)


@pytest.mark.parametrize("kind", [OnThreads, OnLoop])
def test_an_upstream_that_is_not_there_is_an_error_with_a_sentence(kind: type[OnThreads]) -> None:
    with pytest.raises(UpstreamError, match="did not answer"):
        kind("127.0.0.1:1").call("sequential", delay_path(0, 0), 1)


EVENTS = [b'data: {"text":"word 00000 "}\n\n', b'data: {"text":"word 00001 "}\n\n', b"data: [DONE]\n\n"]


def test_a_stream_is_relayed_through_the_parser_by_threads(address: str) -> None:
    with ThreadPoolExecutor(1) as threads, SyncUpstream(f"http://{address}", 1, threads) as upstream:
        for _ in range(2):  # over the one connection there may be
            lines = upstream.stream(stream_path(2, 0))
            assert list(relay.events(lines)) == EVENTS


def test_a_stream_is_relayed_through_the_parser_on_a_loop(address: str) -> None:
    async def events() -> list[bytes]:
        async with AsyncUpstream(f"http://{address}", 1) as upstream:
            await anext(
                await upstream.stream(stream_path(1_000, 1))
            )  # one that is given up, and gives its connection back
            lines = await upstream.stream(stream_path(2, 0))
            return [event async for event in relay.events_async(lines)]

    assert asyncio.run(events()) == EVENTS


def test_a_stream_that_is_given_up_by_a_thread_gives_its_connection_back(address: str) -> None:
    with ThreadPoolExecutor(1) as threads, SyncUpstream(f"http://{address}", 1, threads) as upstream:
        given_up = upstream.stream(stream_path(1_000, 1))
        next(given_up)
        del given_up
        assert upstream.sequential(delay_path(0, 0), 1) == {"answers": [{"waited_ms": "00000"}]}


def test_a_stream_that_nobody_begins_to_read_gives_its_connection_back(address: str) -> None:
    """As with HEAD, which has no body, and with a client that goes before the body begins."""
    with ThreadPoolExecutor(1) as threads, SyncUpstream(f"http://{address}", 1, threads) as upstream:
        for _ in range(3):
            never_begun = relay.events(upstream.stream(stream_path(1_000, 1)))
            del never_begun
        assert upstream.sequential(delay_path(0, 0), 1) == {"answers": [{"waited_ms": "00000"}]}


def test_a_stream_that_is_refused_gives_its_connection_back(address: str) -> None:
    with ThreadPoolExecutor(1) as threads, SyncUpstream(f"http://{address}", 1, threads) as upstream:
        for _ in range(3):
            with pytest.raises(UpstreamError, match="404"):
                upstream.stream("/no-such-path")
        assert upstream.sequential(delay_path(0, 0), 1) == {"answers": [{"waited_ms": "00000"}]}


COOPERATIVE = """
from gevent import monkey

monkey.patch_all()

import sys, threading, time
import psycopg.waiting
from stacks.shared.threads import pools
from stacks.shared.upstream_sync import Upstream

native, greenlets = pools(10)
with native, greenlets, Upstream(sys.argv[1], 100, greenlets) as upstream:
    start = time.monotonic()
    upstream.concurrent("/delay?ms=500", 10)
    overlapped = time.monotonic() - start < 2.5
    apart = native.submit(monkey.get_original("_thread", "get_ident")).result() != monkey.get_original("_thread", "get_ident")()
    together = greenlets.submit(monkey.get_original("_thread", "get_ident")).result() == monkey.get_original("_thread", "get_ident")()
print(overlapped, apart, together, psycopg.waiting.wait is not psycopg.waiting.wait_c)
"""


def test_under_gevent_calls_and_the_database_wait_in_its_loop_and_work_that_blocks_has_threads(address: str) -> None:
    command = [sys.executable, "-c", COOPERATIVE, f"http://{address}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True"] * 4, done.stderr
