"""The driver: what it counts in closed load, and what befalls it."""

import asyncio
import json
import os
import platform
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.load.client import Driver, DriverError
from lab.load.driver.schedule import schedule
from lab.load.driver.wakeups import SLICE_NS
from lab.model.histogram import Histogram
from lab.model.loads import Load
from lab.model.outcome import Driven
from lab.paths import ROOT
from tests.conftest import remeasured, until
from tests.driving import JSON, drive, load_test, order
from tests.server import Peer, Server


def test_the_driver_counts_what_the_server_counts(driver: Driver) -> None:
    with Server() as server:
        driven = drive(driver, order(server.port))
        assert driven.requests == server.requests - 1 > 100
        assert driven.connects == server.connections - 1 == 4
    assert driven.errors == {}
    assert Histogram.decode(driven.latency).count == driven.requests
    assert driven.completed == sum(driven.completed_per_second) >= driven.requests - 4


@remeasured
def test_users_are_busy_the_whole_window(driver: Driver) -> None:
    with Server() as server:
        driven = drive(driver, order(server.port, warmup_s=0.2))
    assert 0.95 <= driven.in_flight_s / (4 * driven.window_s) <= 1
    assert driven.window_start_s - driven.began_s == pytest.approx(0.2)
    assert driven.drained_s >= driven.window_end_s


@remeasured
def test_users_that_wait_for_the_server_do_not_wait_in_step(driver: Driver) -> None:
    """In step, all would have ended three times in a window of 0.9 s, and begun a fourth that counts for nobody."""

    async def answer_late(peer: Peer) -> None:
        while await peer.request():
            await asyncio.sleep(0.25)
            await peer.answer()

    with Server(answer_late) as server:
        driven = drive(driver, order(server.port, "closed:20", warmup_s=0.1, window_s=0.9))
    assert driven.window_start_s - driven.began_s >= 2 * 0.25
    assert driven.completed == pytest.approx(20 * 0.9 / 0.25, rel=0.05)


def test_the_window_is_announced_before_it_begins(driver: Driver) -> None:
    announced: list[float] = []
    with Server() as server:
        driven = driver.run(order(server.port), lambda start, end: announced.extend((start, end)))
    assert isinstance(driven, Driven)
    assert announced == [driven.window_start_s, driven.window_end_s]


@pytest.mark.slow
def test_more_connections_than_select_can_hold(driver: Driver) -> None:
    with Server() as server:
        driven = drive(driver, order(server.port, "closed:1500", window_s=1, timeout_s=30, warmup_s=0.5))
        assert server.connections - 1 == 1500
    assert driven.errors == {}
    assert (driven.connects, driven.reconnects) == (0, 0), "all were opened before the window"
    assert driven.in_flight_s == pytest.approx(1500, rel=0.02)


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
    monkeypatch.setattr("lab.load.client.SLACK_S", 0.2)
    with Driver(tmp_path / "log") as driver, Server() as server:
        with pytest.raises(DriverError, match="said nothing for too long"):
            driver.run(order(server.port, timeout_s=0.5), lambda *_: os.kill(driver.pid, signal.SIGSTOP))
        monkeypatch.setattr("lab.load.client.SLACK_S", 10)
        assert drive(driver, order(server.port)).errors == {}


def test_an_interrupt_does_not_reach_a_trial(driver: Driver) -> None:
    with Server() as server:
        driven = driver.run(order(server.port), lambda *_: os.kill(driver.pid, signal.SIGINT))
        assert isinstance(driven, Driven)
        assert driven.requests == server.requests - 1


def test_the_driver_ends_quietly_with_its_input() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "lab.load.driver"], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_what_is_no_order_is_answered_with_a_failure() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "lab.load.driver"], cwd=ROOT, input=b"not json\n", capture_output=True, check=True
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


SCHEDULING = Path("/proc/self/sched")


def test_the_driver_takes_a_short_slice_and_no_priority() -> None:
    """What the kernel says of a process before and after it asks; a kernel that ignores it changes nothing."""
    says = (
        "import os; from pathlib import Path; from lab.load.driver.wakeups import ask_for_short_slice\n"
        f"told_in = Path({str(SCHEDULING)!r})\n"
        "def told():\n"
        "    lines = [line.split() for line in told_in.read_text().splitlines()] if told_in.exists() else []\n"
        "    return next((line[-1] for line in lines if line[:1] == ['se.slice']), '0')\n"
        "usual = told(); ask_for_short_slice()\n"
        "print(usual, told(), os.nice(0), os.sched_getscheduler(0))"
    )
    done = subprocess.run([sys.executable, "-c", says], cwd=ROOT, capture_output=True, text=True, check=True)
    usual, turn, nice, policy = done.stdout.split()
    assert int(turn) in (SLICE_NS, int(usual))
    assert (int(nice), int(policy)) == (os.nice(0), os.SCHED_OTHER)
    if linux() >= (6, 12) and SCHEDULING.exists() and platform.machine() == "x86_64":
        assert int(turn) == SLICE_NS


def linux() -> tuple[int, ...]:
    """The kernel's version."""
    return tuple(int(number) for number in re.findall(r"\d+", platform.release())[:2])


@pytest.mark.parametrize("load", ["closed:8", "open:200"])
def test_a_generator_that_runs_out_of_descriptors_is_at_fault_itself(tmp_path: Path, load: str) -> None:
    async def once(peer: Peer) -> None:
        if await peer.request():
            await peer.answer(headers=b"Connection: close\r\n")

    with Driver(tmp_path / "log") as driver, Server(once) as server:
        drive(driver, order(server.port))

        def take_away(_start_s: float, _end_s: float) -> None:
            begun = server.requests
            until(lambda: server.requests > begun)
            in_use = len(list(Path(f"/proc/{driver.pid}/fd").iterdir()))
            resource.prlimit(driver.pid, resource.RLIMIT_NOFILE, (in_use // 2, in_use))

        with pytest.raises(
            DriverError, match=r"requests could not be sent: this process may open no more files; raise"
        ):
            driver.run(order(server.port, load, most_connections=50), take_away)


PORTS = """
import fcntl, socket, struct, subprocess, sys
from pathlib import Path
from lab.load.client import Driver, DriverError
from tests.driving import drive, order
from tests.server import Peer, Server

with socket.socket() as probe:  # the namespace's loopback is down at first
    fcntl.ioctl(probe, 0x8914, struct.pack("16sh", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
with Driver(Path(sys.argv[1])) as driver, Server() as server:
    drive(driver, order(server.port))
    held = [socket.create_server(("127.0.0.1", port)) for port in range(21000, 21010)]
    for ports, load in (("20000 20009", "closed:30"), ("21000 21009", "closed:1")):
        Path("/proc/sys/net/ipv4/ip_local_port_range").write_text(ports)
        try:
            driver.run(order(server.port, load), lambda *_: None)
        except DriverError as error:
            print(error)
    for one in held:
        one.close()
"""


@pytest.mark.slow
def test_a_generator_that_runs_out_of_local_ports_is_at_fault_itself(tmp_path: Path) -> None:
    """In a network namespace of its own, whose ten ports are nobody else's."""
    inside = ["unshare", "--map-root-user", "--net", sys.executable, "-c", PORTS, str(tmp_path / "log")]
    done = subprocess.run(inside, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    during, first = done.stdout.splitlines()
    assert first.startswith("1 of the generator's requests could not be sent: no local port was free; widen net.ipv4.")
    assert during.partition(" of ")[2] == first.partition(" of ")[2]
