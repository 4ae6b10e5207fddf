"""What a run says of a request that waits and computes: which handler kind, how many threads, what throughput."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, log
from typing import Literal

import numpy

from lab.analysis.comparison.rows import MARGIN
from lab.answers.crossover import Crossover, Measured
from lab.answers.law import Point

Better = Literal["async def", "def", "too close", "not known"]


@dataclass(frozen=True)
class Question:
    """A request that waits and needs CPU time; `in_flight` users ask at once, and a thread pool has so many threads."""

    wait_ms: float
    cpu_ms: float
    in_flight: int
    threads: int = 40
    target_p99_ms: float | None = None


@dataclass(frozen=True)
class Expected:
    """What one side is expected to do, each figure with the range in which nine of ten measured points were."""

    rps: float
    lo: float
    hi: float
    p99_ms: tuple[float, float, float] | None
    """Estimate, lower and upper end; None where no run has a p99."""
    memory_mb: float | None


@dataclass(frozen=True)
class Advice:
    """The answer to a question."""

    question: Question
    better: Better
    ratio: float
    """Expected throughput of `async def` over that of `def`."""
    coroutines: Expected
    threads: Expected
    enough_threads: int
    """With so many threads `def` does as much as more of them would."""
    reasons: tuple[str, ...]
    """Why it is not known; empty where it is."""


def advice(question: Question, crossover: Crossover) -> Advice:
    """Return which side is better and what both are expected to do."""
    coroutines = Point(question.wait_ms, question.cpu_ms, question.in_flight)
    threads = Point(question.wait_ms, question.cpu_ms, question.in_flight, question.threads)
    ratio = crossover.rps(coroutines) / crossover.rps(threads)
    reasons = tuple(_beyond(question, crossover))
    return Advice(
        question=question,
        better="not known" if reasons else _better(ratio, crossover.ratio_spread()),
        ratio=ratio,
        coroutines=_expected(coroutines, crossover),
        threads=_expected(threads, crossover),
        enough_threads=ceil(crossover.law.enough_threads(coroutines)),
        reasons=reasons,
    )


def _better(ratio: float, spread: float) -> Better:
    """Return the side whose lead is beyond the margin of comparisons, and beyond what nine of ten measured ratios were within."""
    if abs(log(ratio)) < log(max(spread, 1 + MARGIN["rps"])):
        return "too close"
    return "async def" if ratio > 1 else "def"


def _beyond(question: Question, crossover: Crossover) -> Iterator[str]:
    """Yield in what the question is outside of what was measured."""
    points = [one.point for one in crossover.measured]
    asked: dict[str, tuple[float, float, str]] = {
        "waits": (question.wait_ms, max(point.wait_ms for point in points), " ms"),
        "CPU times": (question.cpu_ms, max(point.cpu_ms for point in points), " ms"),
        "requests in flight": (question.in_flight, max(point.users for point in points), ""),
        "threads": (question.threads, max(point.threads or 0 for point in points), ""),
    }
    for what, (value, most, unit) in asked.items():
        if value > most:
            yield f"the run has {what} up to {most:g}{unit}, and {value:g}{unit} is asked"


def _expected(point: Point, crossover: Crossover) -> Expected:
    is_threads = point.threads is not None
    rps, spread = crossover.rps(point), crossover.spread_at(point)
    side = crossover.side(is_threads)
    return Expected(rps, rps / spread, rps * spread, _p99_ms(point, rps, side), _memory_mb(point, side))


def _p99_ms(point: Point, rps: float, side: tuple[Measured, ...]) -> tuple[float, float, float] | None:
    """Return the p99 by the mean latency and by how many times the mean the p99 was at measured points."""
    tails = [one.tail for one in side if one.tail is not None]
    if not tails:
        return None
    mean_ms = 1e3 * point.users / rps
    lo, middle, hi = (float(numpy.quantile(tails, share)) for share in (0.05, 0.5, 0.95))
    return mean_ms * middle, mean_ms * lo, mean_ms * hi


def _memory_mb(point: Point, side: tuple[Measured, ...]) -> float | None:
    """Return the memory at the measured point that is closest in users and threads."""

    def distance(one: Measured) -> float:
        return abs(log(one.point.users / point.users)) + abs(log((one.point.threads or 1) / (point.threads or 1)))

    known = [one for one in side if one.memory_mb is not None]
    return min(known, key=distance).memory_mb if known else None
