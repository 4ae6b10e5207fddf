"""Advice as sentences."""

from collections.abc import Iterator

from lab.answers.choice import Advice, Expected
from lab.report import words


def sentences(advice: Advice) -> Iterator[str]:
    """Yield the answer, what is expected of both sides, and what would change the answer."""
    yield _answer(advice)
    yield f"  async def: {_expected(advice.coroutines)}"
    yield f"  def on {advice.question.threads} threads: {_expected(advice.threads)}"
    yield f"  Threads that are enough: {advice.enough_threads:,}."
    yield from _changes(advice)
    if advice.question.target_p99_ms is not None:
        yield from _target(advice, advice.question.target_p99_ms)


def _answer(advice: Advice) -> str:
    question = advice.question
    asked = f"{words.number(question.wait_ms)} ms of waiting, {words.number(question.cpu_ms)} ms of CPU time, {question.in_flight:,} in flight"
    match advice.better:
        case "not known":
            return f"{asked}: not known, because {words.listed(advice.reasons)}. Beyond that, this is a guess:"
        case "too close":
            return f"{asked}: too close. `async def` is expected to have {words.times(advice.ratio)} times the throughput of `def`."
        case "async def":
            return f"{asked}: choose `async def`, which is expected to have {words.times(advice.ratio)} times the throughput of `def`."
        case _:
            return f"{asked}: choose `def`, which is expected to have {words.times(1 / advice.ratio)} times the throughput of `async def`."


def _expected(one: Expected) -> str:
    p99 = ""
    if one.p99_ms:
        p99 = f", p99 about {words.number(one.p99_ms[0], 2)} ms ({words.number(one.p99_ms[1], 2)} to {words.number(one.p99_ms[2], 2)})"
    memory = "" if one.memory_mb is None else f", about {words.number(one.memory_mb, 2)} MB"
    return f"{words.number(one.rps)} requests/s ({words.number(one.lo)} to {words.number(one.hi)}){p99}{memory}."


def _changes(advice: Advice) -> Iterator[str]:
    """Yield what would change the answer."""
    question = advice.question
    if question.threads < advice.enough_threads:
        yield f"  With {advice.enough_threads:,} threads `def` would have what threads can give; {question.threads} hold requests back."
    elif question.in_flight <= question.threads:
        yield f"  Each request finds a thread: more than {question.threads} in flight would change that."
    else:
        yield "  The CPU is full before the threads are: only less CPU time per request, or more processes, would change that."


def _target(advice: Advice, target_ms: float) -> Iterator[str]:
    for name, one in (("async def", advice.coroutines), ("def", advice.threads)):
        if one.p99_ms is None:
            yield f"  p99 of {target_ms:g} ms, {name}: not known."
            continue
        _, lo, hi = one.p99_ms
        said = "met" if hi <= target_ms else "missed" if lo > target_ms else "too close"
        yield f"  p99 of {target_ms:g} ms, {name}: {said}."
