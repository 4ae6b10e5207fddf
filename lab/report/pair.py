"""The pairs of stacks whose throughputs a run has compared, from its derived comparisons.csv."""

import csv
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, cast

from lab.analysis.comparison.paired import Verdict
from lab.analysis.comparison.rows import Comparison
from lab.model.loads import Load

COMPARISONS = "comparisons.csv"
HANDLERS = "handlers"


class Pair(NamedTuple):
    """What is compared, and where: the throughput of a stack over that of another."""

    scenario: str
    load: str
    stack: str
    reference: str
    factors: tuple[str, ...]


Ratios = Mapping[Pair, Comparison]


def ratios(folder: Path, asynchronous: Collection[str]) -> dict[Pair, Comparison]:
    """Return the ratios of throughput under closed load, where users push, without those of the A/A arm.

    Args:
        asynchronous: stacks with `async def` handlers, each of which is compared with one of `def` and not the other way round.

    Raises:
        OSError: there is no such file.
        AttributeError, KeyError, TypeError, ValueError, csv.Error: it is damaged.
    """
    with (folder / COMPARISONS).open(newline="", encoding="utf-8") as file:
        rows = [_comparison(row) for row in csv.DictReader(file) if row["metric"] == "rps" and _is_closed(row["load"])]
    found = (_directed(row, asynchronous) for row in rows if not row.is_aa)
    return {Pair(row.scenario, row.load, row.stack, row.baseline, row.factors): row for row in found}


def headline(runs: Iterable[Ratios]) -> Pair | None:
    """Return the pair that most runs have: of those that differ in their handlers, or where there is none, of all.

    Of several it is the first in the order of the alphabet.
    """
    counts = Counter(pair for ratios in runs for pair in ratios)
    counts = Counter({pair: count for pair, count in counts.items() if pair.factors == (HANDLERS,)}) or counts
    most = max(counts.values(), default=0)
    return min((pair for pair, count in counts.items() if count == most), default=None)


@lru_cache
def _is_closed(load: str) -> bool:
    return Load.model_validate(load).kind == "closed"


def _directed(row: Comparison, asynchronous: Collection[str]) -> Comparison:
    turned = row.factors == (HANDLERS,) and row.baseline in asynchronous and row.stack not in asynchronous
    return row.inverse if turned else row


def _comparison(row: Mapping[str, str]) -> Comparison:
    """Return what a line of the file says; older runs have no factors."""
    return Comparison(
        **{name: row[name] for name in ("scenario", "load", "stack", "baseline", "metric")},
        ratio=_positive(row["ratio"]),
        lo=_positive(row["lo"]) if row["lo"] else None,
        hi=_positive(row["hi"]) if row["hi"] else None,
        verdict=cast("Verdict", row["verdict"]),
        mde=_positive(row["mde"]) if row["mde"] else None,
        factors=tuple(filter(None, row.get("factors", "").split(","))),
        blocks=int(row["blocks"]),
        confidence=_positive(row["confidence"]),
        p_adjusted=None,
        p_signed_rank=None,
        adjusted_half=None,
    )


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError(f"{text} is no ratio")
    return value
