"""Whether a run has room for one more block."""

import pytest

from lab.run.series import TimeBudget


@pytest.fixture
def budget() -> TimeBudget:
    """Two blocks of a minute each have been run."""
    clock = iter([0.0, 60.0, 100.0, 160.0])
    found = TimeBudget(lambda: next(clock))
    for _ in range(2):
        with found:
            pass
    return found


@pytest.mark.parametrize(
    ("limit_min", "to_come", "room"), [(3.0, 0, True), (2.9, 0, False), (6.0, 3, True), (5.9, 3, False)]
)
def test_a_block_more_has_room_beside_those_that_are_planned(
    budget: TimeBudget, limit_min: float, to_come: int, room: bool
) -> None:
    assert budget.has_room(limit_min, to_come) == room


def test_without_a_limit_or_before_the_first_block_there_is_room(budget: TimeBudget) -> None:
    assert budget.has_room(None, 1000)
    assert TimeBudget().has_room(0.1)
