"""How long the blocks of a run take, and whether there is room for one more."""

import time
from collections.abc import Callable
from types import TracebackType


def projected_s(used_s: float, done: int, to_come: int) -> float:
    """Return how many seconds so many things to come take, if each takes as long as those done on average."""
    return used_s / done * to_come


class TimeBudget:
    """A context around each block; before the first one has ended there is room."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._lasted_s: list[float] = []
        self._began_s = 0.0

    def __enter__(self) -> None:
        self._began_s = self._clock_s()

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._lasted_s.append(self._clock_s() - self._began_s)

    def has_room(self, limit_min: float | None, to_come: int = 0) -> bool:
        """Return whether one more block ends within `limit_min` minutes of blocks, beside those that are to come anyway."""
        if limit_min is None or not self._lasted_s:
            return True
        used_s = sum(self._lasted_s)
        return used_s + projected_s(used_s, len(self._lasted_s), to_come + 1) <= limit_min * 60
