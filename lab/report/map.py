"""What a report says of threads against coroutines: the law with its errors, the map, where the law fails."""

from collections.abc import Iterator, Sequence
from math import exp, log
from statistics import fmean, median

from lab.answers.crossover import LIKELY, Both, Crossover, Measured, likely
from lab.answers.law import FORMS, Form, errors, fitted
from lab.report import page, words
from lab.report.charts import waits

TITLE = "When threads stop being enough"
PICTURES: dict[str, tuple[str, str]] = {
    "map-throughput": ("ratio", "Throughput of async def over def; right of the line threads are not enough"),
    "map-p99": ("p99_ratio", "p99 of async def over def; below 1 that of async def is shorter"),
}
"""Slug of a picture -> the figure of a point that it shows, and what it says."""
_FORMS: dict[Form, str] = {
    "bounds": "these bounds",
    "mva": "exact mean value analysis, which smooths the knee of these bounds",
    "convoy": "a convoy: requests that wait for more of the others the more CPU time these need",
}
LONG_MS = 2
"""CPU time of a request from which threads have much to pass on to each other."""


def section(crossover: Crossover) -> page.Section:
    """Return the law, what was measured on its map, and its errors."""
    return page.Section(TITLE, tuple(_blocks(crossover)))


def _blocks(crossover: Crossover) -> Iterator[page.Block]:
    law = crossover.law
    yield page.Paragraph(
        "Coroutines answer min(N / (W + C + a + z), 1 / (C + a)) requests per second, threads min(N / (W + C + t + z), "
        "T / (W + C + t), 1 / (C + t)): W is the wait, C the CPU time of a request, N the users, T the threads. "
        "So threads stop being enough where W exceeds about (T - 1) times (C + t)."
    )
    yield page.Paragraph(
        f"Fitted to {len(crossover.measured)} cells by {_FORMS[law.form]}: a = {words.number(law.coroutine_ms)} ms of CPU time for a request "
        f"on a coroutine, t = {words.number(law.thread_ms)} ms on a thread, z = {words.number(law.client_ms)} ms on the client's "
        f"side. With 40 threads and 1 ms of CPU time that is "
        f"W = {words.number(39 * (1 + law.thread_ms), 2)} ms."
    )
    if law.form == "convoy":
        yield page.Paragraph(
            f"Requests meet at the CPU before it is full. A request on a coroutine waits {words.number(law.visits, 2)} times in a round for what is "
            "queued there: its request, too, is read only when the loop is free. One on a thread waits for half of the others where the CPU time of "
            f"all of them is {words.number(law.half, 2)} times its wait. So fewer are answered than the bounds say while the CPU has time left."
        )
    yield page.Paragraph(_likely(crossover))
    yield _forms(crossover)
    for slug, (figure, title) in PICTURES.items():
        if drawn := tuple(waits.of_points(slug, crossover.pairs(), figure, crossover.law)):
            yield page.Heading(title)
            yield page.Picture(drawn)
    yield _errors(crossover)
    yield page.Details("Every point", (_points(crossover),))


def _likely(crossover: Crossover) -> str:
    coroutines, threads = (words.percent(crossover.spread(side) - 1) for side in (False, True))
    return (
        f"Advice corrects the law by its errors at cells nearby. Corrected by the other cells alone, {LIKELY * 100:.0f} % of the cells are within "
        f"{coroutines} for coroutines and within {threads} for threads. The ratio of the two is within {words.percent(crossover.ratio_spread() - 1)}."
    )


def _forms(crossover: Crossover) -> page.Table:
    """Return how far each form of the law is from what was measured."""
    of = f"error, {LIKELY * 100:.0f} % of cells"
    heads = (page.Head("form of the law", numeric=False), page.Head("coroutines", of), page.Head("threads", of))
    rows = []
    for form in FORMS:
        law = fitted(crossover.measured, form)
        sides = (errors(law, crossover.side(threads)) for threads in (False, True))
        rows.append(page.row(_FORMS[form], *(words.percent(exp(likely(found)) - 1) for found in sides)))
    return page.Table("Forms of the law", heads, tuple(rows), "narrow")


def _errors(crossover: Crossover) -> page.Table:
    """Return how far the law is from what was measured, by region."""
    heads = (
        page.Head("region", numeric=False),
        page.Head("cells"),
        page.Head("measured over law", "mean"),
        page.Head("error", "median"),
        page.Head("worst cell"),
    )
    rows = (
        _error(name, [log(one.rps / crossover.law.rps(one.point)) for one in found])
        for name, found in _regions(crossover).items()
        if found
    )
    return page.Table("Where the law fails, and by how much", heads, tuple(rows), "narrow")


def _regions(crossover: Crossover) -> dict[str, list[Measured]]:
    """Return the cells of each side: short and long CPU work, with users that all find a thread and with more."""
    found: dict[str, list[Measured]] = {}
    for one in crossover.measured:
        side = "coroutines" if one.point.threads is None else "threads"
        work = f"{'long' if one.point.cpu_ms >= LONG_MS else 'short'} CPU work"
        crowd = (
            ""
            if one.point.threads is None
            else f", {'more users than threads' if one.point.users > one.point.threads else 'a thread for each user'}"
        )
        found.setdefault(f"{side}, {work}{crowd}", []).append(one)
    return dict(sorted(found.items()))


def _error(name: str, errors: Sequence[float]) -> page.Row:
    typical, worst = median(map(abs, errors)), max(errors, key=abs)
    return page.row(
        name,
        str(len(errors)),
        f"{words.times(exp(fmean(errors)))} x",
        words.percent(exp(typical) - 1),
        f"{words.times(exp(worst))} x",
    )


def _points(crossover: Crossover) -> page.Table:
    titles = ("wait ms", "CPU ms", "users", "threads")
    heads = (
        *map(page.Head, titles),
        page.Head("async def over def", "throughput"),
        page.Head("expected", "from other cells"),
        page.Head("p99"),
    )
    rows = (
        page.row(
            f"{one.point.wait_ms:g}",
            words.number(one.point.cpu_ms),
            str(one.point.users),
            str(one.point.threads),
            words.times(one.ratio),
            words.times(one.expected),
            words.NOTHING if one.p99_ratio is None else words.times(one.p99_ratio),
        )
        for one in _ordered(crossover.pairs())
    )
    return page.Table("Points of the map", heads, tuple(rows), "narrow")


def _ordered(pairs: Sequence[Both]) -> list[Both]:
    return sorted(pairs, key=lambda one: (one.point.users, one.point.threads or 0, one.point.cpu_ms, one.point.wait_ms))
