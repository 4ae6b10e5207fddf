"""Part (d): measure identical servers as a profile measures stacks, and what the profile can resolve.

Beside each profile stands a plain design: longer windows on fresh servers in each block, no A/A arm, Student's interval of each
pair adjusted after Holm. That is what the lab did before, and what most comparisons do that give intervals at all.
"""

import math
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

import numpy as np
from scipy.special import stdtrit  # type: ignore[import-untyped]

from lab.analysis import stats, student
from lab.analysis.comparison.paired import ALPHA, POWER, critical, mde
from lab.analysis.comparison.pairs import Observation, pairs
from lab.analysis.comparison.rows import compare
from lab.calibrate.generators import Generators
from lab.calibrate.known_servers import Place, Running
from lab.calibrate.result import Finding, NoiseFloor, NoiseTrial
from lab.config import selection
from lab.model.cell import Value
from lab.model.stack import AA
from lab.model.workload import Profile
from lab.paths import LOADTESTS

GOALS = {"quick": 0.20, "standard": 0.10}
"""Profile -> goal for the minimum detectable difference in throughput."""
FINER = 1.5
"""Goal for the resolution per minute beside that of the plain design."""
METRICS = ("rps", "cpu_us_per_request")
LOAD = "closed:64"
"""It stands for the first closed load of the profile, which all servers get."""
FIRST = "a"


Name = Literal["profile", "plain"]


@dataclass(frozen=True)
class Design:
    """How often identical servers are measured, and for how long."""

    arms: tuple[str, ...]
    blocks: int
    blocks_per_start: int
    warmup_s: float
    window_s: float


PLAIN = {"quick": (6, 0.3, 1.0), "standard": (10, 0.5, 2.0)}
"""Profile -> blocks, warm-up and windows (s) that it had before docs/resolution.md."""


def designs(profile: Profile) -> tuple[Design, Design]:
    """Return the profile's design and the plain one, for as many stacks as the profile has."""
    stacks = tuple("abcdefgh"[: len(profile.stacks)])
    blocks, warmup_s, window_s = PLAIN[profile.name]
    return (
        Design((*stacks, FIRST + AA), profile.blocks, profile.blocks_per_start, profile.warmup_s, profile.window_s),
        Design(stacks, blocks, 1, warmup_s, window_s),
    )


def measure(place: Place, generators: Generators, profile_name: str) -> tuple[NoiseFloor, NoiseFloor]:
    """Run the starts of both designs in turn, so that both see the same hour of the machine."""
    profile = selection.profile(LOADTESTS, profile_name)
    both = designs(profile)
    load = next(str(load) for load in profile.loads if load.kind == "closed")
    trials: tuple[list[NoiseTrial], ...] = ([], [])
    took_s = [0.0, 0.0]
    for starts in zip_longest(*map(_starts, both)):
        for one, blocks in enumerate(starts):
            began_s = time.monotonic()
            if blocks:
                trials[one].extend(_measured(place, generators, both[one], blocks, load))
            took_s[one] += time.monotonic() - began_s
    return floor(profile_name, "profile", trials[0], took_s[0]), floor(profile_name, "plain", trials[1], took_s[1])


def _starts(design: Design) -> list[range]:
    """Return the blocks of each start."""
    firsts = range(0, design.blocks, design.blocks_per_start)
    return [range(first, min(first + design.blocks_per_start, design.blocks)) for first in firsts]


def _measured(
    place: Place, generators: Generators, design: Design, blocks: Collection[int], load: str
) -> Iterator[NoiseTrial]:
    """Yield the windows of servers that are started together; each begins a block once before one does again."""
    with ExitStack() as running:
        servers = {arm: running.enter_context(place.uvicorn()) for arm in design.arms}
        for block in blocks:
            first = block % len(design.arms)
            for arm in (*design.arms[first:], *design.arms[:first]):
                yield _trial(generators, design, block, arm, servers[arm], load)


def _trial(generators: Generators, design: Design, block: int, arm: str, server: Running, load: str) -> NoiseTrial:
    seen = generators.drive(server, generators.greeting(), load, design.warmup_s, design.window_s, server.target)
    completed = seen.driven.completed
    return NoiseTrial(
        block=block, arm=arm, rps=completed / design.window_s, cpu_us_per_request=seen.cpu_s() / completed * 1e6
    )


def floor(profile: str, design: Name, trials: Sequence[NoiseTrial], took_s: float) -> NoiseFloor:
    """Derive the noise floor from the windows of one design; the plain one has no A/A server."""
    is_plain = design == "plain"
    judge = _plain if is_plain else _by_profile
    judged = {metric: judge(trials, metric) for metric in METRICS}
    ratio = {} if is_plain else {metric: _ratio(trials, metric) for metric in METRICS}
    return NoiseFloor(
        profile=profile,
        design=design,
        took_s=took_s,
        trials=tuple(trials),
        spread={metric: _spread(trials, metric) for metric in METRICS},
        mde={metric: mde for metric, (mde, _) in judged.items()},
        ratio={metric: value for metric, value in ratio.items() if value is not None},
        different={metric: tuple(different) for metric, (_, different) in judged.items()},
    )


Judged = tuple[float, list[str]]
"""Minimum detectable difference, and the servers that were called different.

The difference is that of the spread of all servers: they are identical, and the noise of one pair is known from few blocks.
"""


def _by_profile(trials: Iterable[NoiseTrial], metric: str) -> Judged:
    """Judge all pairs together as a run does; the smallest difference is that of the noise alone, without the verdict's margin."""
    seen = [Observation(one.arm, "", LOAD, one.block, metric, getattr(one, metric)) for one in trials]
    family = [pair for pair in pairs(seen, FIRST) if not pair.is_aa]
    different = [row.stack for row in compare(seen, FIRST) if row.verdict == "different"]
    errors = _typical(pair.error for pair in family)
    if not errors:
        return 0.0, different
    needed = critical(family)
    smallest = _typical(math.log1p(found) for pair in family if (found := mde(pair, needed, margin=0)) is not None)
    blocks = len(family[0].log_ratios)
    known = _spread(trials, metric) * math.sqrt((1 + 1 / 2) / blocks)  # the first server is measured twice per block
    return math.expm1(smallest * known / errors), different


def _plain(trials: Sequence[NoiseTrial], metric: str) -> Judged:
    """Judge each pair by Student's interval at the first level of Holm."""
    arms = sorted({one.arm for one in trials} - {FIRST})
    logs = {arm: _log_ratios(trials, metric, arm) for arm in arms}
    blocks = len(logs[arms[0]])
    needed = float(stdtrit(blocks - 1, 1 - ALPHA / len(arms) / 2))
    known = _spread(trials, metric) * math.sqrt(2 / blocks)
    smallest = math.expm1(known * (needed + float(stdtrit(blocks - 1, POWER))))
    return smallest, [arm for arm, of in logs.items() if abs(np.mean(of)) > needed * student.standard_error(of)]


def _typical(values: Iterable[float]) -> float:
    return math.sqrt(np.mean(np.square([*values])))


def _ratio(trials: Iterable[NoiseTrial], metric: str) -> Value | None:
    return stats.geometric(map(math.exp, _log_ratios(trials, metric, FIRST + AA)))


def _spread(trials: Iterable[NoiseTrial], metric: str) -> float:
    """Return the standard deviation of what neither arm nor block explains, in a design without gaps."""
    logs: dict[int, list[float]] = {}
    for one in sorted(trials, key=lambda one: one.arm):
        logs.setdefault(one.block, []).append(math.log(getattr(one, metric)))
    table = np.array([*logs.values()])
    rest = table - table.mean(0) - table.mean(1, keepdims=True) + table.mean()
    blocks, arms = table.shape
    return float(np.sqrt((rest**2).sum() / ((blocks - 1) * (arms - 1))))


def _log_ratios(trials: Iterable[NoiseTrial], metric: str, arm: str) -> list[float]:
    """Return the log ratios of a server to the first one, a block each."""
    values = {(trial.arm, trial.block): getattr(trial, metric) for trial in trials}
    return [math.log(value / values[FIRST, block]) for (one, block), value in values.items() if one == arm]


def findings(floors: Iterable[NoiseFloor]) -> Iterator[Finding]:
    """Yield the verdict on identical servers, what each design resolves, and how much finer the profile is per minute."""
    by_profile: dict[str, dict[str, NoiseFloor]] = {}
    for one in floors:
        by_profile.setdefault(one.profile, {})[one.design] = one
    for both in by_profile.values():
        for metric in METRICS:
            yield _identical(both["profile"], metric)
            yield from (_resolves(one, metric) for one in both.values())
        yield _finer(both["profile"], both["plain"])


def _identical(floor: NoiseFloor, metric: str) -> Finding:
    ratio, different = floor.ratio[metric], floor.different[metric]
    interval = "" if ratio.lo is None else f" [{ratio.lo:.3f}, {ratio.hi:.3f}]"
    servers = len({trial.arm for trial in floor.trials})
    return Finding(
        part="noise",
        figure=f"{floor.profile}, {metric}: A/A ratio; {servers} identical servers",
        value=f"{ratio.mean:.3f}{interval}; {', '.join(different) or 'none'} called different",
        goal="none different",
        met=not different,
    )


def _resolves(floor: NoiseFloor, metric: str) -> Finding:
    goal = GOALS[floor.profile] if metric == "rps" and floor.design == "profile" else None
    smallest = floor.mde.get(metric)
    whose = floor.profile if floor.design == "profile" else f"plain design beside {floor.profile}"
    return Finding(
        part="noise",
        figure=f"{whose}, {metric}: minimum detectable difference of the noise alone (80 % power); spread per trial; time",
        value=f"{'unknown' if smallest is None else f'{smallest:.1%}'}; {floor.spread[metric]:.1%}; {floor.took_s:.0f} s",
        goal="" if goal is None else f"at most {goal:.0%}",
        met=None if goal is None or smallest is None else smallest <= goal,
    )


def _finer(mine: NoiseFloor, plain: NoiseFloor) -> Finding:
    """Compare what both resolve in the same time: a difference half as large takes four times as long."""
    smaller = math.log1p(plain.mde["rps"]) / math.log1p(mine.mde["rps"])
    per_minute = smaller * math.sqrt(plain.took_s / mine.took_s)
    return Finding(
        part="noise",
        figure=f"{mine.profile}, rps: resolution per minute, as a multiple of the plain design's",
        value=f"{per_minute:.2f}",
        goal=f"at least {FINER:g}",
        met=per_minute >= FINER,
    )
