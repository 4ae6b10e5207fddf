"""What the machine did beside the measurement."""

import os

from lab import guards


def test_a_look_takes_the_canary_and_leaves_this_process_where_it_was() -> None:
    before = os.sched_getaffinity(0)
    moment = guards.look([min(before)])
    assert moment.canary_s > 0
    assert os.sched_getaffinity(0) == before


def test_pressure_is_a_running_total() -> None:
    cpus = [min(os.sched_getaffinity(0))]
    first, second = guards.look(cpus), guards.look(cpus)
    assert first.pressure_s.keys() == second.pressure_s.keys()
    assert all(second.pressure_s[kind] >= total for kind, total in first.pressure_s.items())
