"""The contract check counts how many waits a stack has at once, and compares that with its model and slots."""

import threading
import time

import pytest

from lab.contract.overlap import overlap
from tests.conftest import until
from tests.obedient import Obedient, held, serving, stack


def test_waits_that_do_not_overlap_are_found_unless_the_model_says_so() -> None:
    class OneAtATime(Obedient):
        turn = threading.Lock()

        def wait(self, query: str) -> None:
            with self.turn:
                super().wait(query)

    with serving(OneAtATime) as url:
        (finding,) = held(url, stack("async"), overlap)
        assert "waits after the first request, but 20 run at once" in finding
        assert held(url, stack("sync"), overlap) == []


@pytest.mark.slow
def test_waits_one_by_one_are_seen_even_where_all_answers_come_together() -> None:
    """A server may send what it has finished in one go: how far apart answers come says nothing of the waits."""

    class Flushing(Obedient):
        turn = threading.Lock()
        waiting = 0

        def wait(self, query: str) -> None:
            kind = type(self)
            kind.waiting += 1
            with self.turn:
                time.sleep(0.2 if query == "ms=200" else 0)  # the server's answer takes this long: no test waits for it
            kind.waiting -= 1
            until(lambda: kind.waiting == 0)
            super().wait(query.replace("ms=200", "ms=0"))

        def answer(self, status: int, value: object) -> None:
            super().answer(status, {"waited_ms": 200} if self.path == "/wait?ms=200" else value)

    with serving(Flushing) as url:
        (finding,) = held(url, stack("async"), overlap)
        assert "waits after the first request, but 20 run at once" in finding
        assert held(url, stack("sync"), overlap) == []


def test_a_sync_stack_whose_waits_overlap_is_found() -> None:
    with serving(Obedient) as url:
        (finding,) = held(url, stack("sync"), overlap)
    assert finding.startswith("GET /wait?ms=200 by 2 clients at once: all were answered within")


def test_a_threads_stack_with_one_thread_more_than_its_slots_is_found() -> None:
    with serving(with_slots(9)) as url:
        (finding,) = held(url, stack("threads"), overlap)
    assert finding.startswith("GET /wait?ms=200 by 9 clients at once: all were answered within")


def test_a_threads_stack_with_one_thread_less_than_its_slots_is_found() -> None:
    with serving(with_slots(7)) as url:
        (finding,) = held(url, stack("threads"), overlap)
    assert finding.startswith("GET /wait?ms=200 by 8 clients at once: the last answer came")


def test_a_threads_stack_with_as_many_threads_as_slots_has_no_findings() -> None:
    with serving(with_slots(8)) as url:
        assert held(url, stack("threads"), overlap) == []


@pytest.mark.parametrize(("workers", "said"), [(2, []), (1, ["GET /wait?ms=200 by 9 clients at once"])])
def test_the_slots_of_every_declared_worker_count(workers: int, said: list[str]) -> None:
    """16 at once: the 8 slots of each of two workers, and 8 more than one worker has."""
    with serving(with_slots(16)) as url:
        found = held(url, stack("threads").model_copy(update={"workers": workers}), overlap)
    assert [finding.partition(": ")[0] for finding in found] == said


def with_slots(number: int) -> type[Obedient]:
    """A fake stack that lets so many wait at once."""

    class Slots(Obedient):
        free = threading.Semaphore(number)

        def wait(self, query: str) -> None:
            with self.free:
                super().wait(query)

    return Slots
