"""Grids of wait, CPU time, users and threads, on which threads and coroutines are compared: the same stack, `def` or `async def`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Literal

from lab.config import scenarios
from lab.config.variants import normal
from lab.model.loads import CellName, Load

Grid = Literal["crossover", "held-out"]
USUAL_THREADS = 40
LONGEST_MS = 100
OVERHEAD_MS = 0.25
"""A guess of a stack's own CPU time per request: it only says where the knee of threads may be, near which the grid is dense."""
MOST_USERS = 512
PATIENCE_MS = 1_000
"""A round of all users takes so long at most, which a window has to be longer than: they may all be answered in one moment of it."""
POINTS, SEED = 20, 20261127
"""Of the points that no fit knows."""


def cells(grid: Grid, stacks: Sequence[str], loadtests: Path) -> tuple[CellName, ...]:
    """Return the cells of a grid: both sides at every point, each cell once.

    Args:
        grid: which one.
        stacks: of coroutines and of threads; the second is varied in its number of threads.
        loadtests: where the scenarios are.
    """
    coroutines, threads = stacks
    points = list(_crossover() if grid == "crossover" else _held_out())
    texts = list(dict.fromkeys(_text(wait_ms, cpu_ms) for wait_ms, cpu_ms, _, _ in points))
    ids = dict(zip(texts, (one.id for one in scenarios.find(loadtests, texts)), strict=True))
    found = (
        (stack, ids[_text(wait_ms, cpu_ms)], Load.model_validate(f"closed:{users}"))
        for wait_ms, cpu_ms, users, slots in points
        for stack in (coroutines, threads if slots == USUAL_THREADS else normal(f"{threads}+slots={slots}"))
    )
    return tuple(dict.fromkeys(found))


def _text(wait_ms: int, cpu_ms: int) -> str:
    return f"mixed?ms={wait_ms}&{f'cpu_ms={cpu_ms}' if cpu_ms else 'rounds=1'}"


def _crossover() -> Iterator[tuple[int, int, int, int]]:
    """Yield wait, CPU time, users and threads: few users on the usual threads, many around the knee of each number of them."""
    for cpu_ms in (0, 1, 2, 5, 10):
        for users in (1, 2, 5, 16):
            yield from ((wait_ms, cpu_ms, users, USUAL_THREADS) for wait_ms in (3, 12, 50))
        for users in (64, MOST_USERS):
            for threads in (10, USUAL_THREADS, 200):
                knee_ms = (threads - 1) * (cpu_ms + OVERHEAD_MS)
                waits = {round(knee_ms * share) for share in (0.25, 0.5, 1, 2)} | {0, LONGEST_MS}
                points = ((wait_ms, cpu_ms, users, threads) for wait_ms in sorted(waits) if wait_ms <= LONGEST_MS)
                yield from filter(_is_quick, points)


def _is_quick(point: tuple[int, int, int, int]) -> bool:
    """Return whether threads serve all users once in time, also where all of them wait and then all of them compute."""
    wait_ms, cpu_ms, users, threads = point
    return users * (wait_ms / min(users, threads) + cpu_ms + OVERHEAD_MS) <= PATIENCE_MS


def _held_out() -> Iterator[tuple[int, int, int, int]]:
    """Yield points drawn evenly over CPU times and over the logs of waits and users, so that short waits and few users are not rare."""
    random = Random(SEED)
    known = set(_crossover())
    found = 0
    while found < POINTS:
        point = (
            round(LONGEST_MS ** random.random()),
            random.randint(0, 5),
            round(MOST_USERS ** random.random()),
            random.choice((10, 20, USUAL_THREADS, 100)),
        )
        if point not in known and _is_quick(point):
            found += 1
            yield point
