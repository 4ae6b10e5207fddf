"""Streams, WebSockets and HTTP/2 on the fast connection, driven by the driver and plain Locust, against servers in the test."""

import asyncio
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Ping, Pong, Request, TextMessage

from lab.config import scenarios
from lab.load.client import Driver
from lab.load.protocol import Failed
from lab.paths import LOADTESTS
from tests.driving import drive, order, plain_locust
from tests.server import HELLO, Peer, Server


async def words(peer: Peer, gap_s: float = 0.02, end: bytes = b"data: [DONE]\n\n") -> None:
    """Ten events as chunks, a gap before each."""
    while await peer.request():
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for index in range(10):
            await asyncio.sleep(gap_s)
            await chunk(peer, b'data: {"text":"word %05d "}\n\n' % index)
        await chunk(peer, end)
        await peer.send(b"0\r\n\r\n")


async def chunk(peer: Peer, data: bytes) -> None:
    await peer.send(b"%x\r\n%b\r\n" % (len(data), data))


def test_a_stream_tells_the_time_to_its_first_event_and_the_gaps() -> None:
    with Server(words) as server:
        _, figures, _ = plain_locust(server, "loadtests/stream.py")
    assert figures["GET"]["num_failures"] == 0
    assert figures["GET"]["min_response_time"] >= 195
    assert 19 <= figures["first event"]["min_response_time"] < 100
    assert figures["gap"]["num_requests"] == 9 * figures["GET"]["num_requests"], "[DONE] is no event"


def fault(driver: Driver, server: Server, scenario: str) -> str | None:
    """Return the fault that the driver finds in a server's first answer."""
    (found,) = scenarios.find(LOADTESTS, [scenario])
    failed = driver.run(order(server.port, scenario=found), lambda *_: None)
    assert isinstance(failed, Failed)
    return failed.error


def test_a_stream_that_ends_without_its_last_event_is_a_fault(driver: Driver) -> None:
    async def short(peer: Peer) -> None:
        await words(peer, 0, b"data: {}\n\n")

    with Server(short) as server:
        assert fault(driver, server, "stream") == "wrong body"


class Echo:
    """A WebSocket server that can ping, split its answers, or answer something else."""

    def __init__(self, *, pings: bool = False, halves: bool = False, other: str | None = None) -> None:
        self.pings, self.halves, self.other = pings, halves, other
        self.pongs = 0

    async def __call__(self, peer: Peer) -> None:
        protocol = WSConnection(ConnectionType.SERVER)
        while data := await peer.read():
            protocol.receive_data(data)
            for event in protocol.events():
                for answer in self.answers(event):
                    await peer.send(protocol.send(answer))

    def answers(self, event: object) -> "list[Any]":
        match event:
            case Request():
                return [AcceptConnection()]
            case Pong():
                self.pongs += 1
            case TextMessage(data=text):
                return [*([Ping(b"1234")] if self.pings else []), *self.messages(self.other or text)]
        return []

    def messages(self, text: str) -> list[TextMessage]:
        if self.halves:
            return [TextMessage(text[:3], message_finished=False), TextMessage(text[3:], message_finished=True)]
        return [TextMessage(text)]


def test_an_echo_that_comes_back_is_right_to_plain_locust() -> None:
    with Server(Echo()) as server:
        _, figures, said = plain_locust(server, "loadtests/ws.py")
    assert figures["WS"]["num_requests"] > 0
    assert (figures["WS"]["num_failures"], server.connections) == (0, 2), said


@pytest.mark.parametrize("echo", [Echo(halves=True), Echo(pings=True)], ids=["in two frames", "pinging"])
def test_an_echo_may_come_in_frames_and_with_pings_between(echo: Echo, driver: Driver) -> None:
    (scenario,) = scenarios.find(LOADTESTS, ["ws"])
    with Server(echo) as server:
        driven = drive(driver, order(server.port, "closed:2", scenario=scenario))
    assert driven.requests > 0
    assert driven.errors == {}
    assert server.connections == 1 + 2, "the driver asks once before the load"
    assert bool(echo.pongs) == echo.pings


def test_a_new_connection_for_each_text_is_opened_with_a_handshake(driver: Driver) -> None:
    (scenario,) = scenarios.find(LOADTESTS, ["ws"])
    with Server(Echo()) as server:
        driven = drive(driver, order(server.port, "closed:2+new-connections", scenario=scenario))
        assert driven.connects == driven.requests == server.connections - 1 > 0
    assert driven.errors == {}


def test_another_text_than_was_sent_is_a_fault(driver: Driver) -> None:
    with Server(Echo(other="{}")) as server:
        assert fault(driver, server, "ws") == "wrong body"


def test_a_server_without_websockets_is_a_fault_with_its_status(driver: Driver) -> None:
    async def unaware(peer: Peer) -> None:
        while await peer.request():
            await peer.answer(status=404)

    with Server(unaware) as server:
        assert fault(driver, server, "ws") == "status 404"


class Framed:
    """An HTTP/2 server that answers each request with the same body."""

    def __init__(self, body: bytes = HELLO, status: str = "200") -> None:
        self.body, self.status = body, status
        self.paths: set[bytes] = set()

    async def __call__(self, peer: Peer) -> None:
        protocol = H2Connection(H2Configuration(client_side=False))
        protocol.initiate_connection()
        while data := await peer.read():
            for event in protocol.receive_data(data):
                if isinstance(event, RequestReceived):
                    self.answer(protocol, event)
            await peer.send(protocol.data_to_send())

    def answer(self, protocol: H2Connection, event: RequestReceived) -> None:
        stream = event.stream_id or 0
        self.paths.add(dict(event.headers or ())[b":path"])
        protocol.send_headers(stream, [(":status", self.status)])
        protocol.send_data(stream, self.body, end_stream=True)


def test_http2_answers_come_over_one_connection_a_user() -> None:
    framed = Framed()
    with Server(framed) as server:
        _, figures, said = plain_locust(server, "loadtests/h2_json.py")
    assert (figures["GET"]["num_failures"], server.connections) == (0, 2), said
    assert figures["GET"]["num_requests"] > 0
    assert framed.paths == {b"/json"}


def test_a_new_connection_for_each_request_by_http2(driver: Driver) -> None:
    (scenario,) = scenarios.find(LOADTESTS, ["h2/json"])
    with Server(Framed()) as server:
        driven = drive(driver, order(server.port, "closed:2+new-connections", scenario=scenario))
        assert driven.connects == driven.requests == server.connections - 1 > 0
    assert driven.errors == {}


def test_a_wrong_status_by_http2_is_a_fault(driver: Driver) -> None:
    with Server(Framed(status="503")) as server:
        assert fault(driver, server, "h2/json") == "status 503"


def test_a_server_without_http2_is_a_fault(driver: Driver) -> None:
    async def unaware(peer: Peer) -> None:
        await peer.read()
        await peer.answer(status=400)

    with Server(unaware) as server:
        assert fault(driver, server, "h2/json") == "cut off"
