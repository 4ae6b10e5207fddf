"""Servers that answer wrongly, late or not at all: everything is counted, nothing is hidden."""

import asyncio
import socket
import threading
from time import monotonic

import pytest

from lab.analysis import stats
from lab.load.client import Driver
from lab.load.protocol import Failed
from lab.model.histogram import Histogram
from lab.model.outcome import Driven
from tests.conftest import remeasured
from tests.driving import drive, order, silent_after_the_probe
from tests.server import HELLO, Peer, Server, connections_at_most, polite, response
from tests.synthetic import sample


def test_a_kept_connection_that_the_server_closed_is_opened_again_and_counted(driver: Driver) -> None:
    async def five_and_goodbye(peer: Peer) -> None:
        for _ in range(5):
            if await peer.request():
                await peer.answer()

    with Server(five_and_goodbye) as server:
        driven = drive(driver, order(server.port))
        assert driven.requests == server.requests - 1
        assert driven.connects == server.connections - 1
    assert driven.errors == {}
    assert driven.connects is not None
    assert driven.reconnects == driven.connects - 4 > 0


def test_a_connection_announced_as_closing_is_no_reconnect(driver: Driver) -> None:
    async def once(peer: Peer) -> None:
        if await peer.request():
            await peer.answer(headers=b"Connection: close\r\n")

    with Server(once) as server:
        driven = drive(driver, order(server.port))
        assert driven.connects == driven.requests == server.connections - 1 > 10
    assert driven.errors == {}
    assert driven.reconnects == 0


def every_tenth_differs(peer_does: str) -> "Server":
    """A server that answers well but for each tenth request; `counted` says how often it did not."""

    async def talk(peer: Peer) -> None:
        while await peer.request():
            if peer.server.requests % 10:
                await peer.answer()
                continue
            peer.server.counted += 1
            match peer_does:
                case "cut off":
                    return await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\nhalf")
                case "cut off in the head":
                    return await peer.send(b"HTTP/1.1 200 OK\r\nContent-Le")
                case "wrong length":
                    await peer.answer(HELLO + b" ")
                case "status 503":
                    await peer.answer(status=503)
                case "more than one response":
                    return await peer.send(
                        2 * (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(HELLO), HELLO))
                    )
                case "not HTTP":
                    return await peer.send(b"SSH-2.0-OpenSSH_9.2\r\n")
        return None

    return Server(talk)


@pytest.mark.parametrize(
    ("peer_does", "reason"),
    [
        ("cut off", "cut off"),
        ("cut off in the head", "cut off"),
        ("wrong length", "wrong length"),
        ("status 503", "status 503"),
        ("more than one response", "more than one response"),
        ("not HTTP", "not HTTP"),
    ],
)
def test_each_bad_answer_is_an_error_with_its_reason(driver: Driver, peer_does: str, reason: str) -> None:
    with every_tenth_differs(peer_does) as server:
        driven = drive(driver, order(server.port))
        assert driven.errors == {reason: server.counted}
        assert driven.wrong_body == (HELLO.decode() + " " if reason == "wrong length" else None)
        assert driven.requests == server.requests - 1
    assert Histogram.decode(driven.latency).count == driven.requests - server.counted


def test_a_new_connection_that_is_closed_without_an_answer_is_an_error(driver: Driver) -> None:
    async def rude(peer: Peer) -> None:
        if peer.server.connections % 2:
            await polite(peer)
        else:
            await peer.request()

    with Server(rude) as server:
        driven = drive(driver, order(server.port))
        assert driven.errors == {"closed without an answer": server.connections // 2}
        assert driven.requests == server.requests - 1


def test_a_wrong_body_of_the_right_length_is_found_on_a_users_first_answer(driver: Driver) -> None:
    async def liar(peer: Peer) -> None:
        first = peer.server.connections == 1
        while await peer.request():
            await peer.answer(HELLO if first else HELLO.replace(b"World", b"Wurld"))

    with Server(liar) as server:
        driven = drive(driver, order(server.port))
    assert driven.errors == {"wrong body": driven.requests}
    assert driven.checked == 1
    assert driven.wrong_body == HELLO.replace(b"World", b"Wurld").decode()


def test_bodies_are_checked_whole_on_a_sample(driver: Driver) -> None:
    with Server() as server:
        driven = drive(driver, order(server.port, window_s=1))
    assert driven.checked >= 5 + driven.requests // 1000 - 4


def test_chunked_bodies_are_read(driver: Driver) -> None:
    async def chunked(peer: Peer) -> None:
        while await peer.request():
            await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + HELLO[:5])
            await peer.send(b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(HELLO) - 5, HELLO[5:]))

    with Server(chunked) as server:
        driven = drive(driver, order(server.port))
        assert driven.requests == server.requests - 1
    assert driven.errors == {}


def test_requests_without_an_answer_time_out(driver: Driver) -> None:
    with Server(silent_after_the_probe) as server:
        driven = drive(driver, order(server.port, timeout_s=1))
        assert driven.errors == {"timeout": driven.requests}
        assert driven.requests == server.requests - 1 >= 4


@remeasured
def test_requests_without_an_answer_are_in_flight_until_they_time_out(driver: Driver) -> None:
    with Server(silent_after_the_probe) as server:
        driven = drive(driver, order(server.port, timeout_s=1))
    assert driven.in_flight_s == pytest.approx(4 * driven.window_s, rel=0.05)


def test_connections_that_are_never_accepted_time_out(driver: Driver) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:

        def accept_once() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(response())

        thread = threading.Thread(target=accept_once)
        thread.start()
        driven = drive(driver, order(listener.getsockname()[1], "closed:8", timeout_s=1))
        thread.join()
    assert driven.errors == {"timeout": driven.requests}
    assert driven.requests >= 8


def test_a_server_that_stops_listening_is_refused_requests(driver: Driver) -> None:
    async def last_orders(peer: Peer) -> None:
        await peer.request()
        await peer.answer(headers=b"Connection: close\r\n")
        if peer.server.connections >= 20:
            peer.server.stop_listening()

    with Server(last_orders) as server:
        driven = drive(driver, order(server.port))
    assert driven.errors["refused"] > 0
    assert driven.requests - sum(driven.errors.values()) <= server.requests


def test_nothing_is_driven_at_a_port_that_refuses(driver: Driver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    failed = driver.run(order(port), lambda _start, _end: pytest.fail("a load began"))
    said = f"The first request to /json on http://127.0.0.1:{port} was not answered correctly: refused."
    assert failed == Failed(reason=said, error="refused")


def test_nothing_is_driven_where_the_first_answer_is_wrong(driver: Driver) -> None:
    async def liar(peer: Peer) -> None:
        while await peer.request():
            await peer.answer(b'{"message":"Hullo"}')

    with Server(liar) as server:
        failed = driver.run(order(server.port), lambda _start, _end: pytest.fail("a load began"))
    assert isinstance(failed, Failed)
    assert failed.error == "wrong body"
    assert failed.reason.endswith("""not answered correctly: wrong body; the body begins '{"message":"Hullo"}'.""")


def test_of_a_wrong_body_200_characters_are_kept_and_what_no_terminal_prints_is_escaped(driver: Driver) -> None:
    long = b"<script>\x1b[31m\xff|" + "é".encode() * 300

    async def liar(peer: Peer) -> None:
        while await peer.request():
            await peer.answer(HELLO if peer.server.requests == 1 else long)

    with Server(liar) as server:
        driven = drive(driver, order(server.port))
    assert driven.errors == {"wrong body": driven.requests}
    assert driven.wrong_body == r"<script>\x1b[31m\xff|" + "é" * (200 - 18) + "…"


def test_a_trial_without_a_wrong_body_shows_none(driver: Driver) -> None:
    with Server() as server:
        assert drive(driver, order(server.port)).wrong_body is None


def test_users_that_are_served_only_after_the_window_are_counted(driver: Driver) -> None:
    with connections_at_most(3) as server:
        ordered = order(server.port, "closed:8", warmup_s=0.02)
        driven = drive(driver, ordered)
    assert driven.errors == {}
    assert driven.starved == 5
    assert driven.all_served_s is None
    assert driven.window_start_s - driven.began_s >= ordered.longest_ramp_s + 0.01


@remeasured
def test_the_window_waits_until_every_user_was_served(driver: Driver) -> None:
    """The sixth connection is accepted when half of the window would be over; nobody starves, and all are in the sample.

    The five others ask once and no more until then: they would make a server that is slow to accept slower still.
    """
    admitted_s: list[float] = []
    asked: list[int] = []

    async def late(peer: Peer) -> None:
        if peer.server.connections == 1 + 6:  # the first one was the probe's
            await asyncio.sleep(0.4)
            admitted_s.append(monotonic())
            asked.append(peer.server.requests)
        while await peer.request():
            await peer.answer()

    with Server(late) as server:
        driven = drive(driver, order(server.port, "closed:6", warmup_s=0.2, window_s=0.4))
    assert driven.starved == 0
    assert asked == [1 + 5]
    assert driven.window_start_s >= admitted_s[0] + 0.1
    assert driven.all_served_s
    assert driven.all_served_s >= admitted_s[0] - driven.began_s
    assert driven.window_end_s - driven.window_start_s == pytest.approx(0.4)
    assert Histogram.decode(driven.latency).count == driven.requests
    assert driven.in_flight_s == pytest.approx(6 * 0.4, rel=0.05)


def test_requests_of_the_warm_up_that_are_never_answered_are_errors(driver: Driver) -> None:
    with Server(every_other_connection_is_silent) as server:
        driven = drive(driver, order(server.port, "closed:8", warmup_s=0.02, timeout_s=2))
    assert driven.errors == {"timeout": 4}
    assert driven.starved == 4
    assert Histogram.decode(driven.latency).count + 4 == driven.requests


async def every_other_connection_is_silent(peer: Peer) -> None:
    speaks = peer.server.connections % 2
    while await peer.request():
        if speaks:
            await peer.answer()


def test_nobody_starves_where_all_are_served(driver: Driver) -> None:
    with Server() as server:
        driven = drive(driver, order(server.port, "closed:8", warmup_s=0.1))
    assert driven.starved == 0


def closing(announced: bool) -> Server:
    """A server that ends each connection after one answer, and says so or does not."""

    async def once(peer: Peer) -> None:
        if await peer.request():
            await peer.answer(headers=b"Connection: close\r\n" if announced else b"")

    return Server(once)


@pytest.mark.parametrize("load", ["closed:4", "open:200"])
def test_connections_are_counted_over_the_same_requests(driver: Driver, load: str) -> None:
    """Warm-up and drain have requests and connections too: neither is counted. A second one would open where the first is late."""
    for server, most, per_request in ((closing(announced=True), 4096, (1.0, 0.0)), (Server(), 1, (0.0, 0.0))):
        with server:
            driven = drive(driver, order(server.port, load, warmup_s=0.3, window_s=1, most_connections=most))
            assert server.requests - 1 > driven.completed > 30
        assert connects_and_reconnects(driven) == per_request


def test_a_closed_connection_that_was_not_announced_is_a_reconnect_each_time(driver: Driver) -> None:
    with closing(announced=False) as server:
        assert connects_and_reconnects(drive(driver, order(server.port, warmup_s=0.3))) == (1.0, 1.0)


@pytest.mark.slow
def test_a_queue_of_first_requests_does_not_count_as_connections_of_the_window(driver: Driver) -> None:
    """One worker at 50 ms a request for 64 users: divided by the requests of another span this was 2.3 connects each."""
    one_worker = asyncio.Lock()

    async def slow(peer: Peer) -> None:
        async with one_worker:
            if await peer.request():
                await asyncio.sleep(0.05)
                await peer.answer(headers=b"Connection: close\r\n")

    with Server(slow) as server:
        driven = drive(driver, order(server.port, "closed:128", warmup_s=0.5, window_s=2, timeout_s=10, parts=2))
        span = (driven.window_end_s - driven.began_s) / driven.window_s
        assert (server.connections - 1) / (driven.requests * span) > 2, "the slower the machine, the more"
    assert connects_and_reconnects(driven) == (1.0, 0.0)


def connects_and_reconnects(driven: Driven) -> tuple[float | None, float | None]:
    """Per request, as a cell of this one trial has them."""
    one = [sample(driven=driven)]
    return stats.per_request(one, lambda of: of.connects), stats.per_request(one, lambda of: of.reconnects)
