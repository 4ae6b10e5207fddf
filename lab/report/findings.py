"""What a run found, in sentences with size and interval, and how sure it is. Each rule yields sentences of one kind."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import log

from lab.analysis.comparison.paired import MIN_BLOCKS
from lab.analysis.comparison.rows import Comparison
from lab.model.loads import Load
from lab.model.stack import FACTORS
from lab.report import by_factor, caveats, page, precision, statements, words
from lab.report.by_factor import Contrast
from lab.report.start import starts
from lab.report.view import View

TITLE = "What this run found"
SURE = "How sure is this?"
MOST = 8
"""So many contrasts are told first; of more, those of the handlers come first, then those with the greatest effects."""
NAMED = 3
"""So many scenarios are named with their ratio, of those that a sentence is about."""
_FIRST = "handlers"


def found(view: View) -> list[page.Item]:
    """Return the findings of a run in the order in which a reader wants them.

    Where a run decides on what people say, that is its answer, and the table that follows has the effects.
    """
    if said := list(_statements(view)):
        return [*said, *_capacities(view), *_crossover(view)]
    return [
        *_contrasts(view),
        *_stacks(view),
        *_capacities(view),
        *_crossover(view),
        *_memory(view),
    ]


def _statements(view: View) -> Iterator[page.Item]:
    """Yield which of the things that are commonly said held, and which did not."""
    if said := statements.held(view.answers):
        yield page.Item(said)


def _contrasts(view: View) -> Iterator[page.Item]:
    """Yield what one factor changes, in one sentence for each pair and load."""
    told = [(one, rows) for one in by_factor.contrasts(view) for rows in _by_load(one.rows)]
    ordered = sorted(told, key=lambda pair: (pair[0].factor != _FIRST, pair[1][0].metric != "rps", -_effect(pair[1])))
    yield from (_contrast(one, rows) for one, rows in ordered[:MOST])
    if len(ordered) > MOST:
        yield page.Item(f"{len(ordered) - MOST} more are in the table of contrasts.", style="soft")


def _by_load(rows: Sequence[Comparison]) -> list[list[Comparison]]:
    """Return the rows of each load; of a sweep, those of its fewest and of its most users."""
    loads = {row.load: Load.model_validate(row.load) for row in rows}
    kept: list[str] = []
    for _, group in groupby(
        sorted(loads, key=lambda name: loads[name].question), key=lambda name: loads[name].question
    ):
        ordered = sorted(group, key=lambda name: loads[name].amount)
        kept += dict.fromkeys([ordered[0], ordered[-1]])
    return [[row for row in rows if row.load == load] for load in loads if load in kept]


def _effect(rows: Sequence[Comparison]) -> float:
    return max((abs(log(row.ratio)) for row in rows if row.verdict == "different"), default=0)


def _contrast(one: Contrast, rows: Sequence[Comparison]) -> page.Item:
    """Return what the factor changes: where it is more, where less, where nothing is decided, each with its interval."""
    where = f"{one.shared}, {words.load(rows[0].load)}"
    kinds = (words.direction_of(rows[0].metric, more) for more in (True, False))
    parts = [
        *(
            _those(name, [row for row in rows if row.verdict == "different" and words.direction(row) == name])
            for name in kinds
        ),
        _those("equal within the margin", [row for row in rows if row.verdict == "equivalent"]),
        _those("not decided", [row for row in rows if row.verdict == "inconclusive"]),
    ]
    about = page.About((one.stack.name, one.reference.name), (), (rows[0].load,), (rows[0].metric,))
    factor = "" if one.factor in FACTORS else f"{one.factor}: "
    change = f"{factor}{one.change}"
    return page.Item(f"{'; '.join(filter(None, parts))}.", f"{change[:1].upper()}{change[1:]} ({where})", about=about)


def _those(kind: str, rows: Sequence[Comparison]) -> str:
    """Return the scenarios of one kind, the greatest effect first, with ratio and interval."""
    if not rows:
        return ""
    ordered = sorted(rows, key=lambda row: -abs(log(row.ratio)))
    named = [f"{row.scenario} {words.times(row.ratio)} times{words.interval(row)}" for row in ordered[:NAMED]]
    rest = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    return f"{kind} in {', '.join(named)}{rest}"


def _stacks(view: View) -> Iterator[page.Item]:
    """Yield how each stack stands beside the baseline, from its lowest ratio to its highest; of many stacks, the first."""
    lines = [line for section in view.sections if section.metric == "rps" for line in section.lines]
    rows = [one.against for one in lines if one.against and one.against.blocks >= MIN_BLOCKS and not one.throttled]
    several = len({row.load for row in rows}) > 1
    ranges = [_range(name, [row for row in rows if row.stack == name], several=several) for name in view.compared]
    known = [text for text in ranges if text]
    if known:
        beside = f"Throughput beside {view.run.baseline}"
        shown = known if len(known) <= MOST else [*known[: MOST - 1], f"{len(known) - MOST + 1} more in the table"]
        yield page.Item(f"{'; '.join(shown)}. Verdicts are below.", beside)


def _range(name: str, rows: Sequence[Comparison], *, several: bool) -> str:
    """Return the lowest ratio and the highest one, each with its interval and its scenario; of several loads, also with its load."""
    if not rows:
        return ""
    ends = dict.fromkeys(end(rows, key=lambda row: row.ratio) for end in (min, max))
    at = (f"{row.scenario} at {words.load(row.load)}" if several else row.scenario for row in ends)
    told = (
        f"{words.times(row.ratio)} times in {where}{words.interval(row)}" for row, where in zip(ends, at, strict=True)
    )
    return f"{name} {' to '.join(told)}"


def _capacities(view: View) -> Iterator[page.Item]:
    """Yield the capacity of each stack at the service level, where the run searched it."""
    limit_ms = view.run.profile.capacity_p99_ms
    for scenario, group in groupby(view.capacities, key=lambda one: one.scenario):
        known = sorted((one for one in group if one.search.last_pass), key=lambda one: -(one.search.last_pass or 0))
        if known:
            rates = [f"{one.stack} {one.search.last_pass:,} requests/s" for one in known]
            yield page.Item(f"{', '.join(rates)}.", f"Capacity of {scenario} within {limit_ms:g} ms")


def _crossover(view: View) -> Iterator[page.Item]:
    """Yield from which wait on threads are not enough, where the run has a map."""
    if crossover := view.crossover:
        threads = sorted({one.point.threads for one in crossover.measured if one.point.threads})
        knees = [
            f"{words.number((count - 1) * (1 + crossover.law.thread_ms), 2)} ms with {count} threads"
            for count in threads
        ]
        yield page.Item(
            f"At 1 ms of CPU time a request, threads stop being enough where it waits longer than {words.listed(knees)}.",
            "Threads or coroutines",
        )


def _memory(view: View) -> Iterator[page.Item]:
    """Yield which server takes least memory before its first request, and which most."""
    known = sorted((one.idle_mb, one.stack) for one in starts(view.run) if one.idle_mb is not None)
    if len(known) > 1:
        (least, smallest), (most, largest) = known[0], known[-1]
        yield page.Item(
            f"{words.number(least)} MB ({smallest}) to {words.number(most)} MB ({largest}).",
            "Memory of a server before its first request",
        )


def sure(view: View) -> Iterator[page.Item]:
    """Yield how sure the run is: its blocks, what it could have seen, the A/A arm, what was left out."""
    blocks = len({judged.trial.block for judged in view.measured})
    claims = (
        ". Intervals are of 95 %" if blocks >= MIN_BLOCKS else f", and a claim needs {MIN_BLOCKS}: there is none here"
    )
    whole = "cell" if view.run.profile.cells else "stack"
    each = "each " if blocks != 1 else ""
    yield page.Item(f"{blocks} block{'s' * (blocks != 1)}, {each}with every {whole} once{claims}.")
    yield from map(page.Item, precision.detectable(view.sections, headlines=True))
    if rows := caveats.with_itself(view):
        different = sum(row.verdict == "different" for row in rows)
        yield page.Item(
            f"The baseline was measured twice: {different} of its {len(rows)} comparisons with itself came out different."
        )
    left_out = sum(judged.verdict.result == "invalid" for judged in view.trials)
    if left_out:
        yield page.Item(f"{left_out} of {len(view.trials)} trials are invalid and left out; each has its reason below.")
