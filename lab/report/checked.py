"""Advice of one run against what another one measured, at points that the first does not have."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.answers.choice import Advice, Question, advice
from lab.answers.crossover import Crossover, Measured
from lab.report import words

WORTH = 1.15
"""A ratio of throughputs that people choose a side for."""
CLOSE = 1.15
"""A prediction counts as right up to this factor."""


@dataclass(frozen=True)
class Checked:
    """A point with the advice of one run, and what both sides did in another."""

    advice: Advice
    coroutines: Measured
    threads: Measured

    @property
    def ratio(self) -> float:
        """Return the measured throughput of `async def` over that of `def`."""
        return self.coroutines.rps / self.threads.rps

    @property
    def better(self) -> str:
        """Return the side that was better by what is worth a choice; empty where none was."""
        if max(self.ratio, 1 / self.ratio) <= WORTH:
            return ""
        return "async def" if self.ratio > 1 else "def"

    @property
    def is_wrong(self) -> bool:
        """Return whether a side was named that was not the better one."""
        return self.advice.better in ("async def", "def") and bool(self.better) and self.advice.better != self.better

    @property
    def factors(self) -> tuple[float, float]:
        """Return measured over expected throughput, of coroutines and of threads."""
        expected = self.advice.coroutines.rps, self.advice.threads.rps
        return self.coroutines.rps / expected[0], self.threads.rps / expected[1]


def checked(crossover: Crossover, fresh: Sequence[Measured]) -> list[Checked]:
    """Return every fresh point that both sides have, with the advice on it."""
    sides: dict[tuple[float, float, int], dict[bool, Measured]] = {}
    for one in fresh:
        sides.setdefault((one.point.wait_ms, one.point.cpu_ms, one.point.users), {})[one.point.threads is None] = one
    found = []
    for (wait_ms, cpu_ms, users), both in sorted(sides.items()):
        if len(both) == 2:  # coroutines and threads
            question = Question(wait_ms, cpu_ms, users, both[False].point.threads or 0)
            found.append(Checked(advice(question, crossover), both[True], both[False]))
    return found


def table(found: Sequence[Checked]) -> Iterator[str]:
    """Yield in Markdown how often the advice was right, and every point."""
    decided = [one for one in found if one.better]
    named = [one for one in decided if one.advice.better == one.better]
    factors = [factor for one in found for factor in one.factors]
    right = sum(1 / CLOSE <= factor <= CLOSE for factor in factors)
    yield (
        f"Of {len(found)} points the two sides differ by more than {(WORTH - 1) * 100:.0f} % in {len(decided)}. The advice names the better "
        f"side in {len(named)} of these, and the worse one in {sum(one.is_wrong for one in found)}. "
        f"{right} of {len(factors)} throughputs are within {(CLOSE - 1) * 100:.0f} % of the expected one."
    )
    yield ""
    yield "| wait ms | CPU ms | in flight | threads | advice | expected ratio | measured ratio | `async def`, requests/s | `def`, requests/s |"
    yield "| --: | --: | --: | --: | --- | --: | --: | --- | --- |"
    yield from map(_row, found)


def _row(one: Checked) -> str:
    question = one.advice.question
    said = f"`{one.advice.better}`" if one.advice.better in ("async def", "def") else one.advice.better
    cells = (
        f"{question.wait_ms:g}",
        words.number(question.cpu_ms),
        str(question.in_flight),
        str(question.threads),
        said,
        words.times(one.advice.ratio),
        words.times(one.ratio),
        f"{words.number(one.advice.coroutines.rps)} expected, {words.number(one.coroutines.rps)} measured",
        f"{words.number(one.advice.threads.rps)} expected, {words.number(one.threads.rps)} measured",
    )
    return f"| {' | '.join(cells)} |"
