"""How long the blocks of a run take, and whether there is room for one more."""

import time
from types import TracebackType


def projected_s(used_s: float, done: int, to_come: int) -> float:
    """Return how many seconds so many things to come will take, if each takes as long as those done did on average."""
    return used_s / done * to_come


class TimeBudget:
    """A context around each block; what it has not seen yet it cannot refuse."""

    def __init__(self) -> None:
        self._lasted_s: list[float] = []
        self._began_s = 0.0

    def __enter__(self) -> None:
        self._began_s = time.monotonic()

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._lasted_s.append(time.monotonic() - self._began_s)

    def has_room(self, limit_min: float | None, to_come: int = 0) -> bool:
        """Whether one block more ends within `limit_min` minutes of blocks, beside those that are to come in any case."""
        if limit_min is None or not self._lasted_s:
            return True
        used_s = sum(self._lasted_s)
        return used_s + projected_s(used_s, len(self._lasted_s), to_come + 1) <= limit_min * 60
