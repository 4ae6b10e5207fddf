"""Stalls that no CPU explains, and quotas: what is named, and what must not be accused."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lab.analysis import summary
from lab.analysis.validity.bounds import MEANING, bound_by
from lab.analysis.validity.limits import Limits, limits_of
from lab.analysis.validity.use import stall_ms
from lab.config import scenarios
from lab.load.client import Driver
from lab.model.cell import Cell
from lab.model.outcome import Role, Sample, Usage
from lab.model.stack import Setting
from lab.model.stalls import USUAL, usual_causes
from lab.model.workload import Trial
from lab.paths import LOADTESTS, ROOT
from lab.report.view import view_of
from tests.conftest import remeasured
from tests.driving import drive, order
from tests.synthetic import histogram, sample, stack, trial

ONE_USER = trial(load="closed:1")
ISSUE: dict[str, Any] = {"rps": 22.7, "latency": histogram({44.0: 45}), "in_flight_s": 2.0}
"""FastAPI on Uvicorn with asyncio and two workers: 22.7 requests/s for one user, 44 ms each, all CPUs idle."""


def used(server: float = 0.02, **shares: float) -> dict[Role, Usage]:
    """Roles that kept so many CPUs busy in a window of 2 s."""
    roles: dict[Role, float] = {"server": server, "generator": 0.01, **shares}  # type: ignore[dict-item]
    return {role: Usage(cpu_s=2 * share) for role, share in roles.items()}


def only(limits: Limits, *outcomes: Sample) -> Cell:
    (found,) = summary.cells(summary.judged(outcomes, lambda _: limits))
    return found


def test_44_ms_of_a_lone_user_on_an_idle_machine_are_named_with_their_usual_cause() -> None:
    cell = only(Limits(), *(sample(trial(n, load="closed:1"), **ISSUE, usage=used()) for n in range(6)))
    assert (cell.outcome, cell.bound_by) == ("valid", "stall")
    (note,) = cell.notes
    assert note.startswith(
        "In 6 of 6 blocks (median): 43 ms per request are neither waiting nor CPU: all CPUs were idle; 40 ms is usually "
        "Nagle's algorithm meeting a delayed acknowledgement"
    )
    assert "more users" not in MEANING["stall"]


def test_a_light_open_load_that_stalls_is_named_too() -> None:
    open_load = sample(trial(load="open:20"), **ISSUE | {"in_flight_s": 1.8}, usage=used())
    assert stall_ms(open_load, Limits()) == pytest.approx(43, abs=1)
    assert bound_by(open_load, Limits()) == "stall"


def test_waiting_and_stalling_are_told_apart() -> None:
    """50 ms that the scenario orders and 44 that nobody ordered."""
    stalls = sample(ONE_USER, rps=10.6, latency=histogram({94.0: 21}), in_flight_s=2.0, usage=used())
    assert stall_ms(stalls, Limits(wait_ms=50)) == pytest.approx(41, abs=1)


NO_STALL: dict[str, tuple[Trial, dict[str, Any], Limits]] = {
    "a wait": (ONE_USER, {"rps": 19.6, "latency": histogram({51.0: 39})}, Limits(wait_ms=50)),
    "waits that each last a little longer": (
        ONE_USER,
        {"rps": 4.5, "latency": histogram({222.0: 9})},
        Limits(wait_ms=200),
    ),
    "a queue for slots that wait": (
        trial(load="closed:64"),
        {"rps": 19.5, "latency": histogram({3270.0: 64})},
        Limits(slots=1, wait_ms=50),
    ),
    "users in step that queue for a CPU": (
        trial(load="closed:64"),
        {"rps": 780, "latency": histogram({82.0: 1560}), "usage": used(0.4)},
        Limits(wait_ms=50),
    ),
    "CPU": (ONE_USER, {"rps": 22.7, "latency": histogram({44.0: 45}), "usage": used(0.97)}, Limits()),
    "CPU of the database": (
        ONE_USER,
        {"rps": 22.7, "latency": histogram({44.0: 45}), "usage": used(database=0.9)},
        Limits(),
    ),
    "CPUs that others use": (ONE_USER, ISSUE | {"other_cores_busy": 0.6}, Limits()),
    "a CPU that the hypervisor took": (ONE_USER, ISSUE | {"stolen": 0.9}, Limits()),
    "a quota": (ONE_USER, ISSUE | {"server_throttled_s": 1.8}, Limits()),
    "a CPU that wakes up": (ONE_USER, {"rps": 200, "latency": histogram({5.0: 400})}, Limits()),
    "a CPU time that is not known": (ONE_USER, ISSUE | {"usage": used() | {"server": Usage()}}, Limits()),
    "roles that were not watched": (ONE_USER, ISSUE | {"usage": {}}, Limits()),
    "a worker that was replaced": (ONE_USER, ISSUE | {"serving_replaced": 1}, Limits()),
    "nothing answered": (ONE_USER, {"completed": 0, "latency": histogram({})}, Limits()),
}


@pytest.mark.parametrize("name", NO_STALL)
def test_what_is_explained_is_not_called_a_stall(name: str) -> None:
    of, changes, limits = NO_STALL[name]
    clean: dict[str, Any] = {"usage": used(), "in_flight_s": 2.0}
    found = sample(of, **clean | changes)
    assert stall_ms(found, limits) is None
    assert bound_by(found, limits) != "stall"
    assert only(limits, found).notes == () or "neither waiting" not in only(limits, found).notes[0]


@pytest.mark.parametrize("path", ["file/blocking", "hazard/blocking-wait"])
def test_waits_that_block_an_event_loop_come_one_after_the_other(path: str) -> None:
    """64 users whose 20 ms each have one loop: 1,280 ms are their queue and no stall."""
    settings = {"workers": Setting(value=1, source="read"), "slots": Setting(value=40, source="read")}
    (asked,) = scenarios.find(LOADTESTS, [f"{path}?ms=20"])
    limits = limits_of(stack(model="async"), asked, settings, {})
    queued = sample(trial(load="closed:64"), rps=49, latency=histogram({1290.0: 64}), usage=used())
    assert limits.slots == 1
    assert stall_ms(queued, limits) is None
    assert stall_ms(queued, Limits(wait_ms=20)) is not None


@pytest.mark.parametrize("usual_ms", USUAL)
def test_the_most_similar_cause_comes_first_and_one_more_is_named(usual_ms: int) -> None:
    said = usual_causes(usual_ms * 1.1)
    assert said.startswith(USUAL[usual_ms])
    assert sum(cause in said for cause in USUAL.values()) == 2


def test_half_a_cpu_is_throttled_and_not_slow() -> None:
    """`cpus: 0.5`: half of each period of 100 ms the server may run, and all CPUs look half idle."""
    halved: dict[str, Any] = {"rps": 500, "usage": used(0.5), "server_throttled_s": 0.98, "server_cores_busy": 0.5}
    cell = only(Limits(), *(sample(trial(n), **halved) for n in range(6)))
    assert (cell.outcome, cell.bound_by) == ("valid", "CPU quota")
    (note,) = cell.notes
    assert note.startswith("In 6 of 6 blocks (median): a CPU quota kept the server from running for 49 % of the window")
    assert "quota" in MEANING["CPU quota"]


def test_a_quota_that_was_hardly_reached_limits_nothing() -> None:
    assert bound_by(sample(server_throttled_s=0.0, usage=used(0.95)), Limits()) == "server CPU"
    assert only(Limits(), sample(server_throttled_s=0.01)).notes == ()
    assert only(Limits(), sample(server_throttled_s=None)).notes == ()


@contextmanager
def answering_in_two_writes() -> Iterator[int]:
    """A server that writes head and body apart with Nagle's algorithm on; yields its port. It ends with its client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]


def _serve(listener: socket.socket) -> None:
    body = b'{"message": "Hello, World!"}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(peer, head, body), daemon=True).start()


def _answer(peer: socket.socket, head: bytes, body: bytes) -> None:
    with peer:
        while peer.recv(65536):
            peer.sendall(head)
            time.sleep(0.0005)  # the client has acknowledged nothing yet, so the body has to wait
            peer.sendall(body)


@remeasured
def test_nagles_algorithm_that_meets_a_delayed_acknowledgement_is_found_for_real(driver: Driver) -> None:
    times: dict[str, Any] = {"warmup_s": 0.5, "window_s": 1.0, "timeout_s": 2.0}
    with answering_in_two_writes() as port:
        driven = drive(driver, order(port, "closed:1", **times))
    asked = Trial.model_validate({"block": 0, "stack": "a", "scenario": "json", "load": "closed:1", "seed": 7, **times})
    found = Sample(trial=asked, started_at=datetime.now(UTC), driven=driven, usage=used(), overhead_s=0)
    assert stall_ms(found, Limits()) == pytest.approx(41, abs=6)
    assert bound_by(found, Limits()) == "stall"


@pytest.mark.parametrize(
    "run", sorted(path.parent for path in (ROOT / "results/reference").glob("*/run.json")), ids=lambda path: path.name
)
def test_no_trial_of_the_committed_runs_is_accused_of_a_stall(run: Path) -> None:
    """Waits, slots, pools, streams, full and idle CPUs: all that takes time there is explained, but for a stack that stalls."""
    trials = view_of(run).trials
    assert trials
    judged = [t for t in trials if isinstance(t.outcome, Sample) and t.trial.stack != "fastapi-two-workers"]
    accused = [(t.key, stall_ms(t.outcome, t.limits)) for t in judged if isinstance(t.outcome, Sample)]
    assert [found for found in accused if found[1] is not None] == []
