"""Outcomes that a server's answers alone cause: a real driver, a server written in the test."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lab.analysis.validity.causes import Cause
from lab.analysis.validity.limits import Limits
from lab.analysis.validity.objections import CHECKS
from lab.analysis.validity.verdict import judge
from lab.host import noise, readings
from lab.load.client import Driver, DriverError
from lab.model.outcome import Sample
from lab.model.workload import Trial
from tests.driving import drive, load_test, order
from tests.server import Peer, Server, connections_at_most
from tests.synthetic import sample


def sampled(driver: Driver, server: Server, load: str, **more: Any) -> Sample:
    """A trial on a server of which nothing but its answers is known."""
    times: dict[str, Any] = {"warmup_s": 0.1, "window_s": 0.4, "timeout_s": 2.0}
    trial = Trial.model_validate({"block": 0, "stack": "a", "scenario": "json", "load": load, "seed": 7, **times})
    driven = drive(driver, order(server.port, load, **times, **more))
    return Sample(trial=trial, started_at=datetime.now(UTC), driven=driven, usage={}, overhead_s=0)


async def refuses_after_the_first(peer: Peer) -> None:
    while await peer.request():
        await peer.answer()
        peer.server.stop_listening()


async def refuses_after_many(peer: Peer) -> None:
    while peer.server.requests < 500 and await peer.request():
        await peer.answer()
    peer.server.stop_listening()


def test_a_server_that_answers_nothing_but_the_first_request_has_failed(driver: Driver) -> None:
    with Server(refuses_after_the_first) as server:
        verdict = judge(sampled(driver, server, "closed:8"), Limits())
    assert verdict.cause is Cause.NOTHING


def test_a_server_that_refuses_from_some_request_on_has_failed(driver: Driver) -> None:
    with Server(refuses_after_many) as server:
        verdict = judge(sampled(driver, server, "closed:8"), Limits())
    # Whether the five hundredth answer came before the window or in it depends on the machine.
    assert verdict.cause in (Cause.UNANSWERED, Cause.NOTHING)


def test_users_that_could_hardly_ask_are_seen_in_the_accounts(driver: Driver) -> None:
    """Refusals that an experiment expects come back at once: most of the time each user waits for its turn to ask."""
    with Server(refuses_after_the_first) as server:
        sample = sampled(driver, server, "closed:64")
    verdict = judge(sample, Limits(expected_errors=tuple(sample.driven.errors)))
    assert verdict.cause is Cause.IDLE


def test_a_server_that_serves_some_users_and_never_the_others_has_failed(driver: Driver) -> None:
    """Whom it lets wait is served when the others leave."""
    with connections_at_most(6) as server:
        sample = sampled(driver, server, "closed:8")
    verdict = judge(sample, Limits())
    assert (verdict.result, verdict.cause) == ("failed", Cause.STARVED)
    assert "2 of 8 users" in verdict.reason


@pytest.mark.parametrize(
    ("load", "rate", "cause"), [("open:500", None, Cause.DROPPED), ("open:80%", 500.0, Cause.OVER_CAPACITY)]
)
def test_requests_for_which_no_connection_is_free_are_dropped_and_the_stack_has_failed(
    driver: Driver, load: str, rate: float | None, cause: Cause
) -> None:
    async def slow(peer: Peer) -> None:
        while await peer.request():
            await asyncio.sleep(0.05)
            await peer.answer()

    with Server(slow) as server:
        sample = sampled(driver, server, load, rate=rate, most_connections=4)
    assert sample.driven.dropped > 0
    assert dict(CHECKS)[cause](sample, Limits())
    assert judge(sample, Limits()).result != "valid"


VANISHES = (
    "def ask(self, start_s):",
    "    Odd.asked += 1",
    "    if Odd.asked % 20 == 0: raise BaseException('nobody catches this')",
    "    return super().ask(start_s)",
    "def check(self, body): return True",
)


def test_requests_that_the_driver_loses_sight_of_are_missed_in_the_accounts(driver: Driver, tmp_path: Path) -> None:
    with Server() as server:
        sample = sampled(driver, server, "open:400", scenario=load_test(tmp_path, *VANISHES))
    verdict = judge(sample, Limits())
    assert (verdict.result, verdict.cause) == ("invalid", Cause.ACCOUNTS)


def test_users_that_vanish_are_the_labs_fault(driver: Driver, tmp_path: Path) -> None:
    """In closed load nothing is planned that could be missed: the driver counts its users."""
    with Server() as server, pytest.raises(DriverError, match=r"users of odd vanished"):
        drive(driver, order(server.port, "closed:8", scenario=load_test(tmp_path, *VANISHES)))


def test_what_the_hypervisor_takes_is_read_from_the_kernels_counters(tmp_path: Path) -> None:
    """Its steal column cannot be made to grow from inside: the kernel's file is written here, its reading is real."""
    seen = []
    for stolen in (100, 150):
        stat = tmp_path / f"stat-{stolen}"
        stat.write_text(f"cpu  1 0 0 0 0 0 0 0 0 0\ncpu0 {1000 + 2 * stolen} 0 50 100 0 0 0 {stolen} 0 0\n")
        seen.append(readings.cores([0], stat)[0])
    share = readings.stolen_share(*seen)
    assert share == pytest.approx(50 / 150)
    verdict = judge(sample(stolen=share), Limits())
    assert (verdict.result, verdict.cause) == ("invalid", Cause.STOLEN)


def test_what_a_quota_withholds_from_the_lab_is_read_from_the_kernels_counters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no control group may be made, none can be given a quota: the kernel's file is written here, its reading is real."""
    monkeypatch.setattr("lab.host.cgroups.above", lambda *_: [tmp_path])
    readings = []
    for microseconds in (100_000, 500_000):
        (tmp_path / "cpu.stat").write_text(f"nr_throttled 3\nthrottled_usec {microseconds}\n")
        readings.append(noise.throttled_s() or 0)
    verdict = judge(sample(lab_throttled_s=readings[1] - readings[0]), Limits())
    assert (verdict.result, verdict.cause) == ("invalid", Cause.QUOTA)
    assert verdict.reason.startswith("A CPU quota kept the lab from running for 0.40 s of a window of 2 s")
