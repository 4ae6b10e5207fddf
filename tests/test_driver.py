"""The driver against real servers that misbehave: everything is counted, nothing is hidden."""

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import scenarios
from lab.drive import ROOT, Driver, DriverError
from lab.driver.recorder import Digest, Recorder
from lab.driver.schedule import schedule
from lab.histogram import Histogram
from lab.nouns import Driven, Load, Scenario
from lab.orders import Order
from tests.server import HELLO, Peer, Server, polite, response

JSON = scenarios.find(ROOT / "loadtests", ["json"])[0]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with Driver(tmp_path_factory.mktemp("driver") / "log") as running:
        yield running


def order(
    port: int,
    load: str = "closed:4",
    *,
    scenario: Scenario = JSON,
    warmup_s: float = 0,
    window_s: float = 0.3,
    timeout_s: float = 5,
    **more: object,
) -> Order:
    times = {"warmup_s": warmup_s, "window_s": window_s, "timeout_s": timeout_s}
    return Order.model_validate({"scenario": scenario, "port": port, "load": load, "seed": 7, **times, **more})


def drive(driver: Driver, order: Order) -> Driven:
    driven = driver.run(order, lambda _start, _end: None)
    assert isinstance(driven, Driven), driven
    return driven


async def silent_after_the_probe(peer: Peer) -> None:
    while await peer.request():
        if peer.server.requests == 1:
            await peer.answer()


def test_the_driver_counts_what_the_server_counts(driver: Driver) -> None:
    with Server() as server:
        driven = drive(driver, order(server.port))
        assert driven.requests == server.requests - 1 > 100
        assert driven.connects == server.connections - 1 == 4
    assert driven.errors == {}
    assert Histogram.decode(driven.latency).count == driven.requests
    assert driven.completed == sum(driven.completed_per_second) >= driven.requests - 4


def test_users_are_busy_the_whole_window(driver: Driver) -> None:
    with Server() as server:
        driven = drive(driver, order(server.port, warmup_s=0.2))
    assert 0.95 <= driven.in_flight_s / (4 * driven.window_s) <= 1
    assert driven.window_start_s - driven.began_s == pytest.approx(0.2)
    assert driven.drained_s >= driven.window_end_s


def test_the_window_is_announced_before_it_begins(driver: Driver) -> None:
    announced: list[float] = []
    with Server() as server:
        driven = driver.run(order(server.port), lambda start, end: announced.extend((start, end)))
    assert isinstance(driven, Driven)
    assert announced == [driven.window_start_s, driven.window_end_s]


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
        driven = drive(driver, order(server.port, timeout_s=0.4))
        assert driven.errors == {"timeout": driven.requests}
        assert driven.requests == server.requests - 1 >= 4
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
        driven = drive(driver, order(listener.getsockname()[1], "closed:8", timeout_s=0.4))
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
    reason = driver.run(order(port), lambda _start, _end: pytest.fail("a load began"))
    assert reason == f"The first request to /json on http://127.0.0.1:{port} was not answered correctly: refused."


def test_nothing_is_driven_where_the_first_answer_is_wrong(driver: Driver) -> None:
    async def liar(peer: Peer) -> None:
        while await peer.request():
            await peer.answer(b'{"message":"Hullo"}')

    with Server(liar) as server:
        reason = driver.run(order(server.port), lambda _start, _end: pytest.fail("a load began"))
    assert "wrong body" in str(reason)


def test_more_connections_than_select_can_hold(driver: Driver) -> None:
    with Server() as server:
        driven = drive(driver, order(server.port, "closed:1500", window_s=1, timeout_s=30, warmup_s=0.5))
        assert driven.connects == server.connections - 1 == 1500
    assert driven.errors == {}
    assert driven.reconnects == 0
    assert driven.in_flight_s == pytest.approx(1500, rel=0.02)


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


def test_an_open_load_feels_a_frozen_server_in_every_request_that_was_due(driver: Driver) -> None:
    """Coordinated omission: a closed loop would see one slow request per user, not one in five."""
    freeze_s, rate = 0.5, 200

    async def freeze_once(peer: Peer) -> None:
        while await peer.request():
            if peer.server.requests == 100:
                time.sleep(freeze_s)  # the whole loop: nobody is answered
            await peer.answer()

    with Server(freeze_once) as server:
        driven = drive(driver, order(server.port, f"open:{rate}", window_s=1.5, arrivals="constant"))
    latency = Histogram.decode(driven.latency)
    assert latency.count == driven.requests == 300
    share_above_half = rate * freeze_s / 2 / driven.requests
    assert latency.percentile_us(100 * (1 - share_above_half) + 3) > freeze_s / 2 * 1e6
    assert latency.percentile_us(100) >= freeze_s * 0.98 * 1e6


def test_unanswered_requests_of_an_open_load_count_as_at_least_that_long(driver: Driver) -> None:
    with Server(silent_after_the_probe) as server:
        driven = drive(driver, order(server.port, "open:100", timeout_s=0.4))
    assert driven.errors == {"timeout": driven.requests}
    latency = Histogram.decode(driven.latency)
    assert latency.count == driven.requests
    assert latency.percentile_us(0) >= 0.39e6


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
    )
    driven = drive(driver, order(1, "open:1000", scenario=odd, window_s=0.4, timeout_s=0.1))
    assert driven.requests == len(schedule(1000, 0.4, 7))
    assert 0 < driven.dropped < driven.requests
    assert driven.service
    assert Histogram.decode(driven.service).count + driven.dropped == driven.requests


def connections_at_most(most: int) -> Server:
    """A server with a thread for each connection has only so many; a further one waits until another ends."""
    free = asyncio.Semaphore(most)

    async def talk(peer: Peer) -> None:
        async with free:
            await polite(peer)

    return Server(talk)


def test_users_that_are_served_only_after_the_window_are_counted(driver: Driver) -> None:
    with connections_at_most(3) as server:
        driven = drive(driver, order(server.port, "closed:8", warmup_s=0.1))
    assert driven.errors == {}
    assert driven.starved == 5


def test_requests_of_the_warm_up_that_are_never_answered_are_errors(driver: Driver) -> None:
    with Server(every_other_connection_is_silent) as server:
        driven = drive(driver, order(server.port, "closed:8", warmup_s=0.1, timeout_s=0.5))
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


def test_seconds_of_a_window_are_counted_whole_whatever_its_start() -> None:
    recorder = Recorder()
    recorder.correct.due.extend([2.9, 5.8])
    recorder.correct.latency.extend([0.0, 0.0999])
    digest = Digest(recorder, 2.9, 2.9 + 3.0, is_open=False)
    assert digest.completed_per_second.tolist() == [1, 0, 1]


def test_a_schedule_depends_on_nothing_but_the_seed() -> None:
    assert schedule(500, 2, seed=1).tolist() == schedule(500, 2, seed=1).tolist()
    assert schedule(500, 2, seed=1).tolist() != schedule(500, 2, seed=2).tolist()
    assert len(schedule(1000, 100, seed=3)) == pytest.approx(100_000, rel=0.02)
    assert schedule(4, 1, 0, "constant").tolist() == [0, 0.25, 0.5, 0.75]


def load_test(folder: Path, *methods: str) -> Scenario:
    """A scenario whose user class has these methods."""
    lines = ["import sys", f"sys.path.insert(0, {str(ROOT / 'loadtests')!r})", "from lean import LeanUser"]
    lines += ["class Odd(LeanUser):", "    path = '/json'", "    asked = 0", *("    " + line for line in methods)]
    (folder / "odd.py").write_text("\n".join(lines))
    return Scenario(id="odd", workload="odd", file=str(folder / "odd.py"), user="Odd", path="/json")


def test_the_driver_survives_a_user_that_breaks_down(driver: Driver, tmp_path: Path) -> None:
    odd = load_test(tmp_path, "def check(self, body):", "    Odd.asked += 1", "    return Odd.asked == 1 or 1 / 0")
    with Server() as server:
        with pytest.raises(DriverError, match="A user of odd broke down: ZeroDivisionError: division by zero"):
            driver.run(order(server.port, scenario=odd), lambda _start, _end: None)
        assert drive(driver, order(server.port)).errors == {}


@pytest.mark.parametrize("load", ["closed:4", "open:50"])
def test_what_has_not_ended_after_the_drain_is_unfinished(driver: Driver, tmp_path: Path, load: str) -> None:
    odd = load_test(
        tmp_path,
        "def ask(self, start_s):",
        "    Odd.asked += 1",
        "    import gevent",
        "    if Odd.asked > 1: gevent.sleep(99)",
    )
    driven = drive(driver, order(1, load, scenario=odd, timeout_s=0.1))
    assert driven.errors == {"unfinished": driven.requests}
    assert driven.requests == (4 if load == "closed:4" else len(schedule(50, 0.3, 7)))


def test_an_unknown_user_class_is_named(driver: Driver) -> None:
    nobody = JSON.model_copy(update={"user": "Nobody"})
    with pytest.raises(DriverError, match=r"loadtests/hello_json\.py has no user class Nobody"):
        driver.run(order(1, scenario=nobody), lambda *_: None)


def test_more_users_than_files_may_be_open_are_refused_with_a_sentence(tmp_path: Path) -> None:
    with Driver(tmp_path / "log") as driver, Server() as server:
        drive(driver, order(server.port))
        resource.prlimit(driver.pid, resource.RLIMIT_NOFILE, (300, 300))
        with pytest.raises(DriverError, match="250 connections need more than the 300 open files"):
            driver.run(order(server.port, "closed:250"), lambda *_: None)


def test_a_load_test_that_cannot_be_read_is_the_labs_fault(driver: Driver) -> None:
    missing = JSON.model_copy(update={"file": "loadtests/missing.py"})
    with pytest.raises(DriverError, match="FileNotFoundError"):
        driver.run(order(1, scenario=missing), lambda *_: None)


def test_a_driver_that_dies_is_reported_and_replaced(tmp_path: Path) -> None:
    with Driver(tmp_path / "log") as driver, Server() as server:
        with pytest.raises(DriverError, match="The driver died"):
            driver.run(order(server.port), lambda *_: os.kill(driver.pid, signal.SIGKILL))
        assert drive(driver, order(server.port)).errors == {}


def test_a_driver_that_falls_silent_is_reported_and_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.drive.SLACK_S", 0.2)
    with Driver(tmp_path / "log") as driver, Server() as server:
        with pytest.raises(DriverError, match="said nothing for too long"):
            driver.run(order(server.port, timeout_s=0.5), lambda *_: os.kill(driver.pid, signal.SIGSTOP))
        monkeypatch.setattr("lab.drive.SLACK_S", 10)
        assert drive(driver, order(server.port)).errors == {}


def test_an_interrupt_does_not_reach_a_trial(driver: Driver) -> None:
    with Server() as server:
        driven = driver.run(order(server.port), lambda *_: os.kill(driver.pid, signal.SIGINT))
        assert isinstance(driven, Driven)
        assert driven.requests == server.requests - 1


def test_the_driver_ends_quietly_with_its_input() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "lab.driver"], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_what_is_no_order_is_answered_with_a_failure() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "lab.driver"], cwd=ROOT, input=b"not json\n", capture_output=True, check=True
    )
    reply = json.loads(ended.stdout)
    assert reply["event"] == "failed"
    assert reply["lab_fault"] is True


def test_the_driver_keeps_to_its_cpus(tmp_path: Path) -> None:
    cpu = min(os.sched_getaffinity(0))
    with Driver(tmp_path / "log", cpus=(cpu,)) as driver:
        assert os.sched_getaffinity(driver.pid) == {cpu}


def test_loads_of_a_trial_read_as_text() -> None:
    assert order(1, "open:50").load == Load(kind="open", amount=50)
