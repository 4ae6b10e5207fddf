"""The modifiers of a load on a real server: connections, think time."""

import asyncio

import psutil
import pytest

from lab.load.client import Driver
from lab.model.histogram import Histogram
from tests.conftest import remeasured
from tests.driving import drive, order
from tests.server import Peer, Server, Talk, polite


def after(seconds: float) -> Talk:
    """Answers each request so much later."""

    async def talk(peer: Peer) -> None:
        while await peer.request():
            await asyncio.sleep(seconds)
            await peer.answer()

    return talk


@pytest.mark.parametrize("load", ["closed:4+new-connections", "open:200+new-connections"])
def test_each_request_opens_a_connection_of_its_own(driver: Driver, load: str) -> None:
    with Server() as server:
        driven = drive(driver, order(server.port, load))
        assert server.connections == server.requests
        assert driven.connects == driven.requests == server.requests - 1 > 0
    assert (driven.reconnects, driven.errors) == (0, {})


def test_the_latency_of_a_new_connection_includes_opening_it(driver: Driver) -> None:
    async def slow_to_begin(peer: Peer) -> None:
        await asyncio.sleep(0.05)
        await polite(peer)

    with Server(slow_to_begin) as server:
        new = drive(driver, order(server.port, "closed:2+new-connections", window_s=0.5))
        kept = drive(driver, order(server.port, "closed:2", warmup_s=0.1))
    assert (Histogram.decode(new.latency).percentile_us(0) or 0) >= 49e3
    assert (Histogram.decode(kept.latency).percentile_us(50) or 0) < 49e3


@remeasured
def test_users_that_think_ask_as_often_as_answer_and_think_time_allow(driver: Driver) -> None:
    """N = X (R + Z): 20 users, 50 ms and 200 ms make 80 requests per second, four of them in flight."""
    with Server(after(0.05)) as server:
        driven = drive(driver, order(server.port, "closed:20+think=200ms", warmup_s=0.1, window_s=1))
    assert driven.completed == pytest.approx(80, rel=0.05)
    assert driven.in_flight_s == pytest.approx(4, rel=0.1)
    assert driven.in_flight_s + driven.thinking_s == pytest.approx(20, rel=0.03)
    assert (driven.connects, driven.errors) == (0, {})


def test_users_who_do_not_think_have_no_think_time(driver: Driver) -> None:
    """The last of those who begin again spread over an answer's 0.3 s do so inside the window."""
    with Server(after(0.3)) as server:
        driven = drive(driver, order(server.port, "closed:40", warmup_s=0, window_s=0.6))
    assert driven.completed
    assert driven.thinking_s == 0


@pytest.mark.parametrize("warmup_s", [0, 0.1])
@remeasured
def test_users_that_think_are_not_in_step(driver: Driver, warmup_s: float) -> None:
    """In a window of one think time each of 40 users asks once: 20 in either half."""
    with Server() as server:
        driven = drive(driver, order(server.port, "closed:40+think=400ms", warmup_s=warmup_s, window_s=0.4))
    assert all(15 <= half <= 25 for half in driven.completed_halves or (0, 0))


def test_nobody_thinks_longer_than_the_window(driver: Driver) -> None:
    """Three users ask twice before the window, the first of them a third time at its start, and nobody after it."""
    with Server() as server:
        driven = drive(driver, order(server.port, "closed:3+think=2s", window_s=0.2, timeout_s=9))
        assert server.requests - 1 in (6, 7)
    assert abs(driven.drained_s - driven.window_end_s) < 1


@pytest.mark.slow
def test_thousands_of_users_that_think_have_room(driver: Driver) -> None:
    before = psutil.Process(driver.pid).memory_info().rss
    with Server() as server:
        driven = drive(driver, order(server.port, "closed:5000+think=4s", warmup_s=2, window_s=2, timeout_s=60))
    assert (driven.connects, driven.errors) == (0, {})
    assert driven.in_flight_s + driven.thinking_s == pytest.approx(10_000, rel=0.05)
    assert psutil.Process(driver.pid).memory_info().rss - before < 250e6
