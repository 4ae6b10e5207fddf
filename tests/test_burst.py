"""`open:burst`: its schedule, how long a stack takes to recover, and what is said of it."""

import asyncio
from typing import Any

import numpy as np
import pytest

from lab.analysis import summary
from lab.analysis.validity.bounds import bound_by
from lab.analysis.validity.limits import Limits
from lab.analysis.validity.use import stall_ms
from lab.analysis.validity.verdict import judge
from lab.load.client import Driver
from lab.load.driver.recorder import Recorder
from lab.load.driver.recovery import recovery_s
from lab.load.driver.schedule import burst_schedule
from lab.model.loads import Arrivals
from lab.model.outcome import Usage
from tests.conftest import remeasured
from tests.driving import drive, order
from tests.server import Peer, Server
from tests.synthetic import histogram, sample, trial


@pytest.mark.parametrize("arrivals", ["poisson", "constant"])
def test_a_burst_is_at_a_fifth_of_the_capacity_then_above_it_then_at_a_fifth(arrivals: Arrivals) -> None:
    due = burst_schedule(10_000, 0.5, 3, 7, arrivals)
    assert np.all(np.diff(due) >= 0)
    counts, _ = np.histogram(due, [0, 0.5, 1.5, 2.5, 3.5])
    assert counts.sum() == len(due)
    assert counts == pytest.approx([1_000, 2_000, 12_000, 2_000], rel=0.1)
    assert due.tolist() == burst_schedule(10_000, 0.5, 3, 7, arrivals).tolist()


def recorded(after: dict[float, float]) -> Recorder:
    """A window of 3 s that begins at 1 s: 10 ms until the step ends at 3 s, then so many seconds from each moment on."""
    recorder = Recorder()
    for number in range(300):
        due_s = 1 + number / 100
        latency_s = next((took for since, took in reversed(after.items()) if due_s >= 3 + since), 0.01)
        recorder.correct.due.append(due_s)
        recorder.correct.latency.append(latency_s)
    return recorder


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        ({}, 0),
        ({0.0: 0.5, 0.395: 0.015}, 0.4),
        ({0.0: 0.5, 0.395: 0.025, 0.695: 0.01}, 0.7),
        ({0.0: 0.5}, None),
    ],
)
def test_a_stack_has_recovered_when_its_latency_is_within_twice_what_it_was(
    after: dict[float, float], seconds: float | None
) -> None:
    assert recovery_s(recorded(after), 1, 3) == pytest.approx(seconds)


def test_errors_and_dropped_requests_are_no_recovery() -> None:
    recorder = recorded({})
    for number in range(11):
        recorder.fault(3.001 + number / 1000, 0.001, "status 503")
        recorder.dropped.append(3.101 + number / 1000)
    assert recovery_s(recorder, 1, 3) == pytest.approx(0.2)
    assert recovery_s(Recorder(), 1, 3) is None


@remeasured
def test_a_server_that_answers_one_after_the_other_recovers_after_its_queue(driver: Driver) -> None:
    """It needs 5 ms each, and a little more: the step to 240 per second leaves a queue, which 40 per second let it work off."""
    turn = asyncio.Lock()

    async def one_by_one(peer: Peer) -> None:
        while await peer.request():
            async with turn:
                await asyncio.sleep(0.005)
            await peer.answer()

    with Server(one_by_one) as server:
        driven = drive(driver, order(server.port, "open:burst", rate=200, window_s=3))
    assert driven.errors == {}
    assert driven.recovery_s is not None
    assert 0.1 <= driven.recovery_s <= 0.9


@pytest.mark.slow
@remeasured
def test_a_server_with_room_recovers_at_once_and_other_loads_have_no_recovery(driver: Driver) -> None:
    with Server() as server:
        burst = drive(driver, order(server.port, "open:burst", rate=200, window_s=3))
        steady = drive(driver, order(server.port, "open:200"))
    assert burst.recovery_s is not None
    assert burst.recovery_s <= 0.1
    assert steady.recovery_s is None


BURST = trial(load="open:burst")


def test_a_burst_may_be_too_much_and_has_no_bound_and_no_stall() -> None:
    queue: dict[str, Any] = {
        "usage": {role: Usage(cpu_s=0.1) for role in ("server", "generator")},
        "in_flight_s": 2000.0,
        "latency": histogram({500.0: 2000}),
    }
    assert stall_ms(sample(trial(load="open:1000"), **queue), Limits())
    for changes in ({"completed": 1500}, {"dropped": 100, "requests": 2100}):
        overwhelmed = sample(BURST, **queue, **changes)
        assert judge(overwhelmed, Limits()).result == "valid"
        assert bound_by(overwhelmed, Limits()) == ""
        assert stall_ms(overwhelmed, Limits()) is None


@pytest.mark.parametrize(("seconds", "shown"), [([0.2, 0.4, 0.3], 0.3), ([0.2, None, 0.3], None)])
def test_a_cell_has_the_median_unless_some_block_did_not_recover(
    seconds: list[float | None], shown: float | None
) -> None:
    found = [sample(trial(block, load="open:burst"), recovery_s=one) for block, one in enumerate(seconds)]
    (cell,) = summary.cells(summary.judged(found, lambda _: Limits()))
    assert cell.figures["recovery_s"] == shown
    assert cell.amount("offered_rps") is None
