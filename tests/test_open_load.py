"""Open load: what was scheduled is sent when it was due, or is counted as what it became."""

import time
from pathlib import Path

import pytest

from lab.load.client import Driver
from lab.load.driver.schedule import schedule
from lab.model.histogram import Histogram
from tests.conftest import remeasured
from tests.driving import drive, load_test, order, silent_after_the_probe
from tests.server import Peer, Server


def test_an_open_load_sends_exactly_what_was_scheduled(driver: Driver) -> None:
    with Server() as server:
        driven = drive(driver, order(server.port, "open:300", window_s=1))
        assert driven.requests == server.requests - 1 == len(schedule(300, 1, 7))
    assert driven.errors == {}
    assert driven.dropped == 0
    assert driven.service
    assert driven.lag
    counts = [Histogram.decode(text).count for text in (driven.latency, driven.service, driven.lag)]
    assert counts == [driven.requests] * 3


def test_the_window_of_an_open_load_holds_what_was_due_in_it(driver: Driver) -> None:
    with Server() as server:
        driven = drive(driver, order(server.port, "open:300", warmup_s=0.4, window_s=0.5))
    due = schedule(300, 0.9, 7)
    assert driven.requests == sum(0.4 <= moment < 0.9 for moment in due)


@remeasured
def test_an_open_load_feels_a_frozen_server_in_every_request_that_was_due(driver: Driver) -> None:
    """Coordinated omission: a closed loop would see one slow request per user, not one in five."""
    freeze_s, rate = 0.5, 200

    async def freeze_once(peer: Peer) -> None:
        while await peer.request():
            if peer.server.requests == 100:
                time.sleep(freeze_s)  # the whole loop: nobody is answered
            await peer.answer()

    with Server(freeze_once) as server:
        driven = drive(driver, order(server.port, f"open:{rate}+constant", window_s=1.5))
    latency = Histogram.decode(driven.latency)
    assert latency.count == driven.requests == 300
    share_above_half = rate * freeze_s / 2 / driven.requests
    assert (latency.percentile_us(100 * (1 - share_above_half) + 3) or 0) > freeze_s / 2 * 1e6
    assert (latency.percentile_us(100) or 0) >= freeze_s * 0.98 * 1e6


def test_unanswered_requests_of_an_open_load_count_as_at_least_that_long(driver: Driver) -> None:
    with Server(silent_after_the_probe) as server:
        driven = drive(driver, order(server.port, "open:100", timeout_s=1))
    assert driven.errors == {"timeout": driven.requests}
    latency = Histogram.decode(driven.latency)
    assert latency.count == driven.requests
    assert (latency.percentile_us(0) or 0) >= 0.99e6


def test_what_finds_no_connection_is_dropped_and_counted(driver: Driver) -> None:
    with Server(silent_after_the_probe) as server:
        driven = drive(driver, order(server.port, "open:200", timeout_s=1, most_connections=5))
        assert server.connections - 1 == driven.connects == 5
    assert driven.requests == len(schedule(200, 0.3, 7))
    assert driven.errors == {"timeout": 5}
    assert driven.dropped == driven.requests - 5


def test_what_the_driver_never_came_to_send_is_dropped_and_counted(driver: Driver, tmp_path: Path) -> None:
    """Sending takes the driver 5 ms here, five times as long as the schedule allows: its end comes before the last turn."""
    odd = load_test(
        tmp_path,
        "def ask(self, start_s):",
        "    Odd.asked += 1",
        "    import time",
        "    now = time.monotonic()",
        "    while Odd.asked > 1 and time.monotonic() < now + 0.005: pass",
        "    import gevent",
        "    gevent.sleep(0)  # as while a request waits for its answer",
    )
    driven = drive(driver, order(1, "open:1000", scenario=odd, window_s=0.4, timeout_s=0.1))
    assert driven.requests == len(schedule(1000, 0.4, 7))
    assert 0 < driven.dropped < driven.requests
    assert driven.service
    ended = Histogram.decode(driven.service).count + sum(driven.errors.values())
    assert ended + driven.dropped == driven.requests


def test_a_schedule_depends_on_nothing_but_the_seed() -> None:
    assert schedule(500, 2, seed=1).tolist() == schedule(500, 2, seed=1).tolist()
    assert schedule(500, 2, seed=1).tolist() != schedule(500, 2, seed=2).tolist()
    assert len(schedule(1000, 100, seed=3)) == pytest.approx(100_000, rel=0.02)
    assert schedule(4, 1, 0, "constant").tolist() == [0, 0.25, 0.5, 0.75]
