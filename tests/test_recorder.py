"""What the load loops wrote down becomes the figures of a window."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from lab.load.driver.recorder import Digest, Recorder
from lab.paths import ROOT

TEN_MILLION_REQUESTS = """
import resource
import numpy as np
from lab.load.driver.recorder import Digest, Recorder

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

recorder = Recorder()
Digest(recorder, 0, 1, is_open=False)
before = peak_mb()
due, latency = recorder.correct.due.append, recorder.correct.latency.append
for number in range(10_000_000):
    due(number * 1e-4)
    latency(0.001)
digest = Digest(recorder, 10, 900, is_open=False)
assert digest.latency.count == digest.requests == 8_900_000, digest.requests
print(peak_mb() - before)
"""


def recorded(*requests: tuple[float, float]) -> Recorder:
    """Correct requests: (due, latency)."""
    recorder = Recorder()
    for due_s, latency_s in requests:
        recorder.correct.due.append(due_s)
        recorder.correct.latency.append(latency_s)
    return recorder


def digest(recorder: Recorder) -> Digest:
    return Digest(recorder, 1, 3, is_open=False)


def test_requests_belong_to_the_window_in_which_they_began() -> None:
    figures = digest(recorded((0.5, 0.1), (0.99, 0.1), (1, 0.1), (2.99, 5), (3, 0.1)))
    assert figures.requests == figures.latency.count == 2


def test_completions_belong_to_the_second_in_which_they_ended() -> None:
    figures = digest(recorded((0.5, 0.1), (0.5, 1), (1.9, 0.2), (2.5, 0.4), (2.9, 0.2)))
    assert figures.completed_per_second.tolist() == [1, 2]
    assert figures.completed_halves.tolist() == [1, 2]


def test_time_in_flight_is_clipped_to_the_window() -> None:
    figures = digest(recorded((0, 0.5), (0.5, 1), (1.5, 0.25), (2.5, 9), (3.5, 1)))
    assert figures.in_flight_s == pytest.approx(0.5 + 0.25 + 0.5)


def test_a_window_of_part_of_a_second_has_one_count() -> None:
    figures = Digest(recorded((0.1, 0.01), (0.25, 0.01)), 0, 0.2, is_open=False)
    assert figures.completed_per_second.tolist() == [1]
    assert figures.completed_halves.tolist() == [0, 1]


def test_errors_are_counted_by_reason_and_stay_out_of_the_latency() -> None:
    recorder = recorded((1.1, 0.1))
    for due_s, reason in ((0.4, "reset"), (0.9, "refused"), (1.2, "refused"), (1.3, "timeout"), (1.4, "refused")):
        recorder.fault(due_s, 0.5, reason)
    figures = digest(recorder)
    assert figures.errors == {"refused": 3, "timeout": 1}, "what was in flight in the window counts, whenever it began"
    assert figures.requests == 5
    assert figures.latency.count == 1


def test_what_an_open_load_gave_up_on_took_at_least_that_long() -> None:
    recorder = Recorder()
    recorder.fault(1.2, 0.7, "timeout")
    recorder.fault(1.2, 0.1, "refused")
    figures = Digest(recorder, 1, 3, is_open=True)
    assert figures.latency.count == 1
    assert figures.latency.percentile_us(100) == pytest.approx(0.7e6, rel=1e-3)


def test_service_and_lag_add_up_to_the_latency() -> None:
    recorder = recorded((1.5, 0.3))
    recorder.correct.lag.append(0.1)
    figures = Digest(recorder, 1, 3, is_open=True)
    assert figures.lag.percentile_us(50) == pytest.approx(0.1e6, rel=1e-3)
    assert figures.service.percentile_us(50) == pytest.approx(0.2e6, rel=1e-3)


def test_what_was_dropped_was_due_all_the_same() -> None:
    recorder = recorded((1.5, 0.3))
    recorder.dropped.extend((0.5, 1.5, 2.5))
    figures = digest(recorder)
    assert (figures.dropped, figures.requests) == (2, 3)


def test_an_arrival_that_nobody_accounts_for_is_missing_from_the_schedule() -> None:
    recorder = Recorder()
    recorder.follow(np.arange(10) / 2)
    for number in (2, 3, 5):  # the one at 2 s was lost on the way
        recorder.correct.due.append(number)
        recorder.correct.latency.append(0.1)
        recorder.correct.lag.append(0.0)
    figures = Digest(recorder, 1, 3, is_open=True)
    assert (figures.scheduled, figures.requests) == (4, 3)
    assert Digest(recorded((1.5, 0.1)), 1, 3, is_open=False).scheduled is None


def test_more_requests_than_one_chunk_are_all_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.load.driver.recorder.CHUNK", 3)
    recorder = recorded(*((1 + number / 100, 0.001) for number in range(10)))
    for number in range(10):
        recorder.fault(1 + number / 100, 0.001, str(number))
    figures = digest(recorder)
    assert figures.requests == 20
    assert figures.errors == {str(number): 1 for number in range(10)}


def test_nothing_recorded_is_nothing_and_no_crash() -> None:
    figures = digest(Recorder())
    assert (figures.requests, figures.in_flight_s, figures.errors) == (0, 0, {})


@pytest.mark.slow
def test_ten_million_requests_take_less_than_150_megabytes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TEN_MILLION_REQUESTS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 150


def test_seconds_of_a_window_are_counted_whole_whatever_its_start() -> None:
    recorder = Recorder()
    recorder.correct.due.extend([2.9, 5.8])
    recorder.correct.latency.extend([0.0, 0.0999])
    digest = Digest(recorder, 2.9, 2.9 + 3.0, is_open=False)
    assert digest.completed_per_second.tolist() == [1, 0, 1]


def test_connections_are_counted_with_the_requests_that_opened_them() -> None:
    """In closed load a fault that reaches into the window is counted in it, and so is its connection."""
    connection = SimpleNamespace(opened=False, reopened=False)
    recorder = Recorder()
    for due_s, reopened in ((0.5, False), (1.5, True), (3.5, True)):
        connection.opened, connection.reopened = True, reopened
        recorder.correct.note_opened(connection)
        recorder.correct.due.extend((due_s, due_s))  # the second is asked on the kept connection
        recorder.correct.latency.extend((0.1, 0.1))
    connection.opened = True
    recorder.fault(0.9, 0.5, "timeout", connection)
    recorder.fault(1.9, 0.5, "status 500", connection)
    figures = digest(recorder)
    assert (figures.requests, figures.connects, figures.reconnects) == (4, 2, 1)
