"""How often the comparison is right: simulated runs whose truth is known, judged as real ones are.

`python -m benchmarks.simulate` prints it. The noise is what a machine of two cores showed: the log of a trial's
throughput varies by 4 to 6 % in windows of 2 s, by 8 to 13 % on a noisy day, and all arms of a block drift together
by about 5 %, which the ratio inside the block takes out.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy
from scipy import stats as distributions  # type: ignore[import-untyped]

from lab.analysis.comparison.chance import Floats
from lab.analysis.comparison.paired import is_wide
from lab.analysis.comparison.pairs import Differences, Observation, pairs
from lab.analysis.comparison.rows import Comparison, compare
from lab.model.stack import AA

RUNS = 1_000
BASELINE = "baseline"


@dataclass(frozen=True)
class World:
    """One kind of run: how many blocks, how fast each arm truly is beside the baseline, how noisy trials are."""

    name: str
    blocks: int
    speeds: Mapping[str, float]
    noise: tuple[float, float] = (0.04, 0.06)
    """Standard deviation of a trial's log throughput; each run draws its own between these."""
    alike: bool = True
    """Whether all arms of a run are equally noisy; otherwise each draws its own noise."""
    noisier: Mapping[str, float] = field(default_factory=dict)
    """Factor on the noise of single arms."""
    tails: int | None = None
    """Degrees of freedom of Student's distribution of the noise; None: normal."""
    drift: float = 0.05
    """Standard deviation of what all arms of a block share."""
    wander: float = 0.0
    """Standard deviation of the machine's speed from one trial of a block to the next, as a share of the noise."""
    outliers: float = 0.0
    """Share of trials that something slowed down by a fifth."""
    precision: float | None = None
    """Go on beyond `blocks` until every ratio is known to this share …"""
    most_blocks: int = 0
    """… or until so many blocks are done."""
    contrasts: Differences = field(default_factory=dict)
    """Pairs that are a family of contrasts beside that of the baseline."""


STANDARD_BLOCKS, STANDARD_PRECISION = 8, 0.05
STANDARD_MOST = 9
"""What the profile's time allows for four stacks."""
STANDARD_NOISE = (0.046, 0.069)
"""Windows of 1 s: those of 2 s have 0.87 of their noise in the committed runs (docs/resolution.md)."""
QUICK_BLOCKS = 8
SHORT_NOISE = (0.057, 0.085)
"""Windows of a little less than 1 s: the noise of 2 s times the root of two, which is more than the committed runs show."""
NOISY_DAY = (0.08, 0.13)


def _standard(name: str, speeds: Mapping[str, float], **more: Any) -> World:
    return World(
        f"standard, {name}",
        STANDARD_BLOCKS,
        speeds,
        precision=STANDARD_PRECISION,
        most_blocks=STANDARD_MOST,
        **{"noise": STANDARD_NOISE, **more},
    )


def _equal(arms: int) -> dict[str, float]:
    """Return so many arms, with the baseline, that are all as fast as it."""
    return {f"c{number}": 1.0 for number in range(1, arms)}


AGAIN = {BASELINE + AA: 1.0}
"""The A/A arm: the others are compared with both."""


def _chained(arms: int) -> Differences:
    """Return contrasts of arms side by side, of those two apart, and of every third with the baseline: as many as arms, and half as many again."""
    names = list(_equal(arms))
    apart = [(names[n + gap], names[n]) for gap in (1, 2) for n in range(0, len(names) - gap, 2)]
    return dict.fromkeys([*apart, *((name, BASELINE) for name in names[::3])], ("loop",))


def identical(arms: int, blocks: int = 6) -> list[World]:
    """Return runs of identical stacks under every kind of noise, with a fixed number of blocks."""
    kinds: dict[str, dict[str, Any]] = {
        "equally noisy": {"noise": NOISY_DAY},
        "each 8 to 13 %": {"noise": NOISY_DAY, "alike": False},
        "each 4 to 20 %": {"noise": (0.04, 0.20), "alike": False},
        "one noisy": {"noise": (0.05, 0.05), "noisier": {"c1": 4}},
        "baseline noisy": {"noise": (0.06, 0.06), "noisier": {BASELINE: 2}},
        "baseline quiet": {"noise": (0.12, 0.12), "noisier": {BASELINE: 0.33}},
        "heavy tails": {"noise": NOISY_DAY, "tails": 3},
        "outliers": {"noise": NOISY_DAY, "outliers": 0.05},
        "drifting": {"noise": NOISY_DAY, "drift": 0.10, "wander": 0.5},
    }
    return [World(f"{arms} identical stacks, {name}", blocks, _equal(arms), **more) for name, more in kinds.items()]


WORLDS = (
    _standard("identical stacks", AGAIN | _equal(4)),
    _standard("identical stacks, outliers", AGAIN | _equal(4), outliers=0.05),
    _standard("identical stacks, twice the noise", AGAIN | _equal(4), noise=NOISY_DAY),
    _standard("one 10 % slower", AGAIN | _equal(4) | {"c1": 0.9}),
    World("quick, identical stacks", QUICK_BLOCKS, AGAIN | _equal(4), noise=SHORT_NOISE),
    World("quick, one 10 % slower", QUICK_BLOCKS, AGAIN | _equal(4) | {"c1": 0.9}, noise=SHORT_NOISE),
    World("quick, one 20 % slower", QUICK_BLOCKS, AGAIN | _equal(4) | {"c1": 0.8}, noise=SHORT_NOISE),
    *identical(14),
    World(
        "19 identical stacks and their contrasts",
        10,
        AGAIN | _equal(19),
        noise=NOISY_DAY,
        alike=False,
        contrasts=_chained(19),
    ),
    World("14 stacks on a noisy day, one 15 % slower", 6, _equal(14) | {"c1": 0.85}, noise=NOISY_DAY),
    World("14 identical stacks and an A/A arm on a noisy day", 6, AGAIN | _equal(14), noise=NOISY_DAY),
    World(
        "14 stacks and an A/A arm on a noisy day, one 15 % slower",
        6,
        AGAIN | _equal(14) | {"c1": 0.85},
        noise=NOISY_DAY,
    ),
)


@dataclass(frozen=True)
class Share:
    """`hits` of `runs`, with the exact (Clopper-Pearson) one-sided 95 % limits of the true share."""

    hits: int
    runs: int

    @property
    def value(self) -> float:
        return self.hits / self.runs

    @property
    def at_least(self) -> float:
        return float(distributions.beta.ppf(0.05, self.hits, self.runs - self.hits + 1)) if self.hits else 0.0

    @property
    def at_most(self) -> float:
        missed = self.runs - self.hits
        return float(distributions.beta.ppf(0.95, self.hits + 1, missed)) if missed else 1.0


def runs(world: World, seed: int, number: int = RUNS) -> Iterator[list[Comparison]]:
    """Yield the comparisons of simulated runs of one scenario under one load."""
    random = numpy.random.default_rng(seed)
    for _ in range(number):
        yield compare(_until_precise(world, _blocks(world, random)), BASELINE, world.contrasts)


def said_different(world: World, stack: str | None, seed: int, number: int = RUNS) -> Share:
    """Return how many runs say "different" of a stack, or (None) of any stack in the worst family."""
    found = [
        {row.is_contrast for row in rows if row.verdict == "different" and not row.is_aa and stack in (None, row.stack)}
        for rows in runs(world, seed, number)
    ]
    hits = max(sum(kind in kinds for kinds in found) for kind in (False, True))
    return Share(hits, number)


def _until_precise(world: World, blocks: Iterator[list[Observation]]) -> list[Observation]:
    """Return as many blocks as a run of this kind measures."""
    seen = [one for _ in range(world.blocks) for one in next(blocks)]
    for _ in range(world.blocks, world.most_blocks):
        found = pairs(seen, BASELINE)
        if world.precision is None or not any(is_wide(pair, found, world.precision) for pair in found):
            break
        seen += next(blocks)
    return seen


def _blocks(world: World, random: numpy.random.Generator) -> Iterator[list[Observation]]:
    arms = {BASELINE: 1.0, **world.speeds}
    for block, logs in enumerate(logs_of(world, random)):
        yield [
            Observation(arm, "json", "closed:64", block, "rps", 1_000 * math.exp(log))
            for arm, log in zip(arms, logs, strict=True)
        ]


def logs_of(world: World, random: numpy.random.Generator) -> Iterator[Floats]:
    """Yield one block after another: the log throughput of each arm, the baseline first."""
    arms = {BASELINE: 1.0, **world.speeds}
    drawn = random.uniform(*world.noise, size=1 if world.alike else len(arms))
    noise = drawn * numpy.array([world.noisier.get(arm, 1.0) for arm in arms])
    while True:
        draws = random.standard_normal(len(arms))
        if world.tails:
            draws = random.standard_t(world.tails, len(arms)) / math.sqrt(world.tails / (world.tails - 2))
        wander = random.permutation(random.standard_normal(len(arms)).cumsum()) * world.wander
        slowed = numpy.where(random.random(len(arms)) < world.outliers, math.log(0.8), 0.0)
        shared = random.normal(0, world.drift)
        yield numpy.log(list(arms.values())) + noise * (draws + wander) + slowed + shared


def main(seed: int = 1) -> None:
    """Print, for each world, how often "different" is said where it is false and where it is true."""
    print(f"{RUNS:,} simulated runs each, seed {seed}; in brackets: one-sided 95 % limit")
    for world in WORLDS:
        slower = next((arm for arm, speed in world.speeds.items() if speed != 1), None)
        share = said_different(world, slower, seed)
        limit = f"at most {share.at_most:.1%}" if slower is None else f"at least {share.at_least:.1%}"
        print(f"  {world.name}: different in {share.value:.1%} ({limit})")


if __name__ == "__main__":
    main()
