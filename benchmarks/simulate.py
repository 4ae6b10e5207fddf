"""How often the comparison is right: simulated runs whose truth is known, judged as real ones are.

`python -m benchmarks.simulate` prints it. The noise is what a machine of two cores showed: the log of a trial's
throughput varies by 4 to 6 % in windows of 2 s (10 of them per arm give intervals of about +-4 to 6 %), and all
arms of a block drift together by about 5 %, which the ratio inside the block takes out.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy
from scipy import stats as distributions  # type: ignore[import-untyped]

from lab.analysis.comparison.paired import is_wide
from lab.analysis.comparison.pairs import Observation, pairs
from lab.analysis.comparison.rows import Comparison, compare

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
    drift: float = 0.05
    outliers: float = 0.0
    """Share of trials that something slowed down by a fifth."""
    precision: float | None = None
    """Go on beyond `blocks` until every ratio is known to this share …"""
    most_blocks: int = 0
    """… or until so many blocks are done."""


STANDARD_BLOCKS, STANDARD_PRECISION = 6, 0.05
STANDARD_MOST = 12
"""What the profile's time allows for three stacks on a quiet machine."""
QUICK_BLOCKS = 6
QUICK_NOISE = (0.057, 0.085)
"""Windows of 1 s: the noise of 2 s times the root of two."""


def _standard(name: str, speeds: Mapping[str, float], **more: Any) -> World:
    return World(
        f"standard, {name}", STANDARD_BLOCKS, speeds, precision=STANDARD_PRECISION, most_blocks=STANDARD_MOST, **more
    )


WORLDS = (
    _standard("identical stacks", {"b": 1, "c": 1}),
    _standard("identical stacks, outliers", {"b": 1, "c": 1}, outliers=0.05),
    _standard("identical stacks, twice the noise", {"b": 1, "c": 1}, noise=(0.08, 0.12)),
    _standard("one 10 % slower", {"b": 0.9, "c": 1}),
    _standard("one 10 % slower, 10 other stacks", {"b": 0.9} | {f"c{i}": 1 for i in range(10)}),
    World("quick, identical stacks", QUICK_BLOCKS, {"b": 1, "c": 1}, noise=QUICK_NOISE),
    World("quick, one 10 % slower", QUICK_BLOCKS, {"b": 0.9, "c": 1}, noise=QUICK_NOISE),
    World("quick, one 20 % slower", QUICK_BLOCKS, {"b": 0.8, "c": 1}, noise=QUICK_NOISE),
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
        yield compare(_until_precise(world, _blocks(world, random)), BASELINE)


def said_different(world: World, stack: str | None, seed: int, number: int = RUNS) -> Share:
    """Return how many runs say "different" of a stack; None: of any stack."""
    hits = sum(
        any(row.verdict == "different" and stack in (None, row.stack) for row in rows)
        for rows in runs(world, seed, number)
    )
    return Share(hits, number)


def _until_precise(world: World, blocks: Iterator[list[Observation]]) -> list[Observation]:
    """Return as many blocks as a run of this kind measures."""
    seen = [one for _ in range(world.blocks) for one in next(blocks)]
    for _ in range(world.blocks, world.most_blocks):
        found = pairs(seen, BASELINE)
        if world.precision is None or not any(is_wide(p.log_ratios, len(found), world.precision) for p in found):
            break
        seen += next(blocks)
    return seen


def _blocks(world: World, random: numpy.random.Generator) -> Iterator[list[Observation]]:
    noise = random.uniform(*world.noise)
    for block in count():
        drift = random.normal(0, world.drift)
        yield [
            Observation(
                arm, "json", "closed:64", block, "rps", _rps(world, speed, drift + random.normal(0, noise), random)
            )
            for arm, speed in {BASELINE: 1.0, **world.speeds}.items()
        ]


def _rps(world: World, speed: float, log_noise: float, random: numpy.random.Generator) -> float:
    slowed = 0.8 if random.random() < world.outliers else 1.0
    return 1_000 * speed * slowed * math.exp(log_noise)


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
