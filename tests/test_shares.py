"""Drivers that share a load measure together what one would measure."""

import threading
from pathlib import Path

import pytest

from lab.config import scenarios
from lab.load import merge
from lab.load.client import Driver
from lab.load.protocol import Order
from lab.model.histogram import Histogram
from lab.model.outcome import Driven
from lab.paths import LOADTESTS
from tests.server import Server

JSON = scenarios.find(LOADTESTS, ["json"])[0]


def order(port: int, load: str, part: int, parts: int) -> Order:
    return Order.model_validate(
        {"scenario": JSON, "port": port, "load": load, "warmup_s": 0, "window_s": 0.5, "timeout_s": 5, "seed": 3}
        | {"part": part, "parts": parts}
    )


def driven_by(count: int, load: str, port: int, folder: Path) -> list[Driven]:
    """What each of several drivers, loading at the same time, has seen."""
    found: list[Driven] = []

    def drive(part: int) -> None:
        with Driver(folder / f"log-{part}") as driver:
            seen = driver.run(order(port, load, part, count), lambda *_: None)
            assert isinstance(seen, Driven)
            found.append(seen)

    threads = [threading.Thread(target=drive, args=(part,)) for part in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == count
    return found


@pytest.mark.parametrize("load", ["open:400", "closed:5", pytest.param("closed:1", marks=pytest.mark.slow)])
def test_what_the_server_counted_is_what_the_drivers_counted_together(load: str, tmp_path: Path) -> None:
    with Server() as server:
        whole = merge.merged(driven_by(2, load, server.port, tmp_path))
        assert whole.requests == server.requests - 2  # each driver asks once before the load
        assert whole.connects == server.connections - 2
    assert Histogram.decode(whole.latency).count == whole.requests
    assert whole.completed == sum(whole.completed_per_second) == sum(whole.completed_halves or ())


@pytest.mark.parametrize(("users", "parts"), [(64, 1), (64, 3), (5, 2), (1, 4)])
def test_users_are_dealt_out_whole(users: int, parts: int) -> None:
    dealt = [order(1, f"closed:{users}", part, parts).users for part in range(parts)]
    assert sum(dealt) == users
    assert max(dealt) - min(dealt) <= 1
