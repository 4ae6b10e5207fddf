"""Arms start one after the other, and only a server that fails on an undisturbed machine is at fault; real processes."""

import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.host import noise, readings
from lab.host.readings import CoreReading
from lab.model.stack import Arm, Service
from lab.run.disturbance import Span
from lab.run.starting import Started, start
from lab.runtime import process, readiness
from lab.runtime.process import ProcessRuntime
from tests.staged import spinning

Start = Callable[..., Started]
CPU = max(os.sched_getaffinity(0))
SERVES = """
import http.server, json, os, pathlib, sys, time
name, port, first = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
print(time.monotonic(), flush=True)
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"stack": name}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
"""
BUSY = (
    SERVES
    + """
while time.process_time() < 0.3: pass
server = http.server.HTTPServer(("127.0.0.1", port), Health)
print(time.monotonic(), flush=True)
server.serve_forever()
"""
)
MUTE_AT_FIRST = (
    SERVES
    + """
if not first.exists():
    first.touch()
    time.sleep(60)
http.server.HTTPServer(("127.0.0.1", port), Health).serve_forever()
"""
)
SECOND_WORKER_LATER = (
    SERVES
    + """
if not os.fork():
    while time.process_time() < 0.5: pass
    first.touch()
    time.sleep(60)
http.server.HTTPServer(("127.0.0.1", port), Health).serve_forever()
"""
)
MUTE = "import time; print('mute', flush=True); time.sleep(60)"
BROKEN = "import no_such_module"


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessRuntime]:
    """A runtime whose services are called after the code that they run."""
    monkeypatch.setattr(process, "COMPOSE_PROJECT", f"test-{os.getpid()}")
    codes = {"busy": BUSY, "mute-at-first": MUTE_AT_FIRST, "mute": MUTE, "broken": BROKEN, "later": SECOND_WORKER_LATER}

    def described(variables: dict[str, str]) -> dict[str, Service]:
        words = (variables.get("LABEL", ""), variables.get("PORT", ""), str(tmp_path / "first"))
        command = {name: (Path(sys.executable).name, "-c", code, *words) for name, code in codes.items()}
        return {name: Service(name=name, command=words, cpuset=(CPU,)) for name, words in command.items()}

    made = ProcessRuntime(described, {})  # type: ignore[arg-type]  # it gives dictionaries only
    yield made
    made.stop_all()


@pytest.fixture
def started(runtime: ProcessRuntime, tmp_path: Path) -> Start:
    """Starts arms of these services on free ports."""

    def of(*services: str, within_s: float = 20) -> Started:
        return start(runtime, arms(services), tmp_path, [CPU], within_s)

    return of


def arms(services: Sequence[str]) -> list[Arm]:
    found = []
    for number, service in enumerate(services):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            label, port = f"{service}-{number}", free.getsockname()[1]
        found.append(Arm(label=label, service=service, port=port, variables={"LABEL": label, "PORT": str(port)}))
    return found


def test_each_start_begins_when_the_one_before_it_is_healthy(started: Start, runtime: ProcessRuntime) -> None:
    found = started(*["busy"] * 4)
    assert found.unhealthy == {}
    moments = [float(line) for label in found.healthy_after_s for line in runtime.log_tail(label)]
    assert len(moments) == 8
    assert moments == sorted(moments), "begin and end of each, one after the other"


def test_time_and_cpu_time_of_a_start_are_its_own(started: Start) -> None:
    found = started("busy", "busy", "busy")
    assert all(0.3 <= used_s < 2 for used_s in found.start_cpu_s.values())
    assert len(found.start_cpu_s) == 3
    assert all(after_s >= 0.3 for after_s in found.healthy_after_s.values())


def test_a_server_of_two_workers_is_awaited_until_both_are_up(runtime: ProcessRuntime, tmp_path: Path) -> None:
    (arm,) = arms(["later"])
    found = start(runtime, [arm.model_copy(update={"workers": 2})], tmp_path, [CPU])
    assert found.unhealthy == {}
    assert (tmp_path / "first").exists()


@pytest.mark.slow
def test_a_start_that_failed_on_a_disturbed_machine_is_made_again_with_more_time(started: Start) -> None:
    with spinning([CPU]):
        found = started("mute-at-first", within_s=7)
    assert found.unhealthy == {}
    (sentence,) = found.again
    assert "other programs used" in sentence
    assert "is started again, for at most 21 s" in sentence


def test_a_server_is_not_blamed_where_the_machine_was_disturbed_twice(started: Start) -> None:
    with spinning([CPU]):
        found = started("mute", within_s=0.5)
    assert "mute-0 did not become healthy within 1.5 s" in found.unhealthy["mute-0"]
    assert "other programs used" in found.unhealthy["mute-0"]
    assert found.blameless == {"mute-0"}


@pytest.mark.slow
def test_a_server_that_fails_alone_on_its_cpu_is_at_fault_and_disturbs_no_other(
    started: Start, runtime: ProcessRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Span, "disturbance", lambda *_: "")  # whatever else this machine does now
    found = started("mute", "busy", within_s=10)
    assert set(found.unhealthy) == {"mute-0"}
    assert found.blameless == set()
    assert found.again == []
    assert set(found.healthy_after_s) == {"busy-1"}
    with pytest.raises(LabError, match="not running"):
        runtime.target("mute-0")
    assert runtime.log_tail("mute-0") == ("mute",), "its log is there though it was stopped"


def test_a_server_that_ends_at_once_is_at_fault_whatever_the_machine_does(
    started: Start, runtime: ProcessRuntime
) -> None:
    with spinning([CPU]):
        found = started("broken")
    assert "exit status 1" in found.unhealthy["broken-0"]
    assert found.blameless == set()
    assert "no_such_module" in runtime.log_tail("broken-0")[-1]


@pytest.mark.parametrize(
    ("stolen_s", "foreign_s", "said"),
    [
        (12.0, 0.0, "the hypervisor kept 60% of the server's CPU time"),
        (0.0, 10.0, "other programs used 50% of the server's CPU time"),
        (1.0, 0.0, ""),
    ],
)
def test_what_others_took_is_a_disturbance_and_what_the_server_used_is_none(
    monkeypatch: pytest.MonkeyPatch, stolen_s: float, foreign_s: float, said: str
) -> None:
    """20 s on one CPU, of which the server used the rest."""
    edges = iter(
        [
            {0: CoreReading(busy_s=5, stolen_s=1, total_s=100)},
            {0: CoreReading(busy_s=25 - stolen_s, stolen_s=1 + stolen_s, total_s=120)},
        ]
    )
    monkeypatch.setattr(readings, "cores", lambda _: next(edges))
    monkeypatch.setattr(noise, "throttled_s", lambda: None)
    assert Span([0]).disturbance(own_s=20 - stolen_s - foreign_s) == said


def test_an_arm_whose_port_is_taken_is_not_at_fault(started: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "taken", lambda _: "another program")
    found = started("busy")
    assert found.blameless == {"busy-0"}
    assert "taken by another program" in found.unhealthy["busy-0"]
