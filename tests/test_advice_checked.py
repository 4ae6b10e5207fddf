"""Advice of one run against the points of another one."""

from dataclasses import replace

import pytest

from lab.answers.crossover import Crossover, Measured
from lab.answers.law import Law, Point
from lab.report.checked import checked, table

LAW = Law("bounds", coroutine_ms=0.15, thread_ms=0.30, client_ms=0.2)


def at(point: Point, rps: float) -> Measured:
    return Measured(point, rps, p99_ms=None, memory_mb=None)


GRID = [
    Point(float(wait), float(cpu), users, threads)
    for wait in (0, 20, 100)
    for cpu in (0, 2, 5)
    for users in (8, 64, 256)
    for threads in (None, 40)
]
KNOWN = Crossover(tuple(at(point, LAW.rps(point)) for point in GRID))


def fresh(wait_ms: float, cpu_ms: float, users: int, ratio: float = 1.0) -> list[Measured]:
    """Both sides of a point by the law, coroutines `ratio` times as fast."""
    coroutines = Point(wait_ms, cpu_ms, users)
    threads = replace(coroutines, threads=40)
    return [at(coroutines, LAW.rps(coroutines) * ratio), at(threads, LAW.rps(threads))]


def test_the_better_side_is_named_and_throughput_is_right_where_the_law_holds() -> None:
    (found,) = checked(KNOWN, fresh(90, 1, 128))
    assert (found.advice.better, found.better, found.is_wrong) == ("async def", "async def", False)
    assert found.factors == pytest.approx((1, 1), rel=0.01)


def test_a_side_that_was_not_the_better_one_is_wrong() -> None:
    (found,) = checked(KNOWN, fresh(90, 1, 128, ratio=0.2))
    assert (found.better, found.is_wrong) == ("def", True)


def test_a_point_of_one_side_only_is_left_out() -> None:
    assert checked(KNOWN, fresh(90, 1, 128)[:1]) == []


def test_the_table_counts_what_was_right() -> None:
    points = [*fresh(90, 1, 128), *fresh(10, 5, 64), *fresh(80, 1, 128, ratio=0.2)]
    first, *rows = table(checked(KNOWN, points))
    assert first == (
        "Of 3 points the two sides differ by more than 15 % in 2. The advice names the better side in 1 of these, and the worse one in 1. "
        "5 of 6 throughputs are within 15 % of the expected one."
    )
    assert len(rows) == 6
    assert "| `async def` |" in rows[-1]
    assert "| too close |" in rows[3]
