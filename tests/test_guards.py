"""What the machine did beside the measurement."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.host import noise
from lab.paths import ROOT
from lab.run.stopping import REFERENCE_OFF
from lab.runtime import quota
from tests.conftest import needs, remeasured

CPU = min(os.sched_getaffinity(0))
ONE_REFERENCE = (
    "from lab.host import noise; import os; print(noise.reference_s(os.sched_getaffinity(0)), noise.throttled_s())"
)


def test_a_look_times_the_reference_workload_and_leaves_this_process_where_it_was() -> None:
    before = os.sched_getaffinity(0)
    moment = noise.look([min(before)])
    assert moment.reference_s > 0
    assert os.sched_getaffinity(0) == before


@pytest.mark.slow
def test_pressure_is_a_running_total() -> None:
    first, second = noise.look([CPU]), noise.look([CPU])
    assert first.pressure_s.keys() == second.pressure_s.keys()
    assert all(second.pressure_s[kind] >= total for kind, total in first.pressure_s.items())


def usual_s() -> float:
    """The reference workload's time while nobody else runs: others can only make it longer."""
    return min(noise.reference_s([CPU]) for _ in range(4))


@contextmanager
def burning(duty: float) -> Iterator[None]:
    """Another program that computes for so much of each 20 ms on the reference workload's CPU."""
    code = (
        f"import os, time\nos.sched_setaffinity(0, [{CPU}])\nprint(flush=True)\nwhile True:\n"
        f" end = time.thread_time() + 0.02 * {duty}\n while time.thread_time() < end: pass\n time.sleep(0.02 * {1 - duty})"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("duty", [1.0, 0.4])
@remeasured
def test_a_program_on_the_reference_cpu_is_noticed(duty: float) -> None:
    usual = usual_s()
    with burning(duty):
        assert noise.reference_s([CPU]) / usual - 1 > REFERENCE_OFF


@remeasured
def test_one_interruption_is_not_taken_for_a_slower_machine() -> None:
    """5 ms, longer than the scheduler lets another program run at a time, are a fortieth of the reference workload's work."""
    spins_s = noise.reference_s([CPU]) * 400
    assert 0.005 / spins_s < REFERENCE_OFF / 2


@pytest.mark.slow
@needs(None if quota.parent() else "no control group with a quota can be made here")
def test_a_quota_slows_the_reference_workload_and_its_waiting_time_is_read() -> None:
    usual = usual_s()
    with subprocess.Popen(
        [sys.executable, "-c", f"input(); {ONE_REFERENCE}"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as inside:
        group = quota.give(inside.pid, 0.2)
        said = inside.communicate("go\n")[0]
    assert group
    quota.remove(group)
    reference_s, throttled_s = map(float, said.split())
    assert reference_s / usual - 1 > REFERENCE_OFF
    assert throttled_s > 0.1
