"""Ways to compare many stacks with one baseline: error rate and power of each, on simulated runs whose truth is known.

`.venv/bin/python -m benchmarks.resolution` prints the tables of docs/resolution.md; it takes about ten minutes.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

import numpy
from scipy.special import digamma, ndtr, polygamma, stdtrit  # type: ignore[import-untyped]

from benchmarks.simulate import World, identical, logs_of
from lab.analysis.comparison.chance import OWN, Floats
from lab.analysis.comparison.paired import ALPHA, SIMULATED_ALPHA
from lab.analysis.comparison.rows import MARGIN
from lab.analysis.summary import Judged
from lab.model.outcome import Sample
from lab.paths import RESULTS
from lab.report.view import view_of

RUNS, EQUAL_RUNS, AT_ONCE = 1_000, 799, 10
LIMIT = math.log1p(MARGIN["rps"])
SLOWER = 0.15
Halves = Callable[[Floats], Floats]
"""From logs of shape (runs, arms, blocks), the baseline first, to half of each pair's interval: (runs, pairs)."""


def means(logs: Floats) -> Floats:
    """Return the mean log ratios to the baseline."""
    found: Floats = logs[..., 1:, :].mean(-1) - logs[..., :1, :].mean(-1)
    return found


def own(logs: Floats) -> Floats:
    """Return each arm's variance without arm and block effects."""
    arms, blocks = logs.shape[-2:]
    rest = logs - logs.mean(-1, keepdims=True)
    rest -= rest.mean(-2, keepdims=True)
    found: Floats = (rest**2).sum(-1) / (blocks - 1) * arms / (arms - 1)
    return found


def unbiased(logs: Floats) -> Floats:
    """Return each arm's variance without the others' share in its residuals (MINQUE); it may come out below 0."""
    arms, known = logs.shape[-2], own(logs) * (logs.shape[-2] - 1) / logs.shape[-2]
    found: Floats = arms / (arms - 2) * (known - known.sum(-1, keepdims=True) / (arms * (arms - 1)))
    return found


def errors(variances: Floats, blocks: int) -> Floats:
    """Return the standard error of each pair from the variances of its arms."""
    found: Floats = numpy.sqrt((variances[..., 1:] + variances[..., :1]) / blocks)
    return found


def student(logs: Floats) -> Floats:
    """Return half of Student's interval at the first level of Holm."""
    pairs, blocks = logs.shape[1] - 1, logs.shape[2]
    spread = (logs[:, 1:] - logs[:, :1]).std(-1, ddof=1)
    found: Floats = stdtrit(blocks - 1, 1 - ALPHA / pairs / 2) * spread / math.sqrt(blocks)
    return found


def dunnett_level(pairs: int) -> float:
    """Return the level of each of several two-sided tests beside one baseline that together have ALPHA (equal noise)."""
    nodes, weights = numpy.polynomial.hermite_e.hermegauss(40)
    low, high = 0.0, 8.0
    for _ in range(50):
        middle = (low + high) / 2
        inside = ndtr(math.sqrt(2) * middle - nodes) - ndtr(-math.sqrt(2) * middle - nodes)
        enough = (inside**pairs * weights).sum() / weights.sum() >= 1 - ALPHA
        low, high = (low, middle) if enough else (middle, high)
    return 2 * float(ndtr(-high))


def pooled(logs: Floats) -> Floats:
    """Return halves from one variance for all arms, at Dunnett's critical value."""
    arms, blocks = logs.shape[1:]
    variances = own(logs)
    variances[:] = variances.mean(-1, keepdims=True)
    found: Floats = stdtrit((arms - 1) * (blocks - 1), 1 - dunnett_level(arms - 1) / 2) * errors(variances, blocks)
    return found


def smyth(logs: Floats) -> Floats:
    """Return halves from moderated variances (Smyth 2004), Satterthwaite's degrees of freedom, Dunnett's level."""
    arms, blocks = logs.shape[1:]
    freedom = (blocks - 1) * (arms - 1) / arms
    known = own(logs)
    centred = numpy.log(known) - digamma(freedom / 2) + math.log(freedom / 2)
    grid = numpy.exp(numpy.linspace(-1.5, 7, 500))
    excess = centred.var(-1, ddof=1, keepdims=True) - polygamma(1, freedom / 2)
    prior = numpy.interp(-excess, -polygamma(1, grid / 2), grid)
    typical = numpy.exp(centred.mean(-1, keepdims=True) + digamma(prior / 2) - numpy.log(prior / 2))
    moderated = (freedom * known + prior * typical) / (freedom + prior)
    arm, base = moderated[:, 1:], moderated[:, :1]
    total = (arm + base) ** 2 / (arm**2 + base**2) * (freedom + prior)
    found: Floats = stdtrit(total, 1 - dunnett_level(arms - 1) / 2) * errors(moderated, blocks)
    return found


def flips(logs: Floats) -> Floats:
    """Flip the signs of whole blocks in every way and take the largest t of pooled errors: exact, but with few values."""
    blocks = logs.shape[2]
    every = numpy.array([[1 - 2 * (number >> bit & 1) for bit in range(blocks)] for number in range(2 ** (blocks - 1))])
    inside = logs - logs.mean(1, keepdims=True)
    largest = []
    for signs in every:
        flipped = inside * signs
        error = errors(numpy.broadcast_to(own(flipped).mean(-1, keepdims=True), flipped.shape[:2]), blocks)
        largest.append(numpy.abs(means(flipped) / error).max(-1))
    rank = int(ALPHA * len(every))
    needed = numpy.sort(numpy.array(largest), axis=0)[-rank] * (1 - 1e-9)
    error = errors(numpy.broadcast_to(own(logs).mean(-1, keepdims=True), logs.shape[:2]), blocks)
    found: Floats = needed[:, None] * error
    return found


def mixed(weight: float) -> Halves:
    """Give a pair's own variance this weight beside that of all arms; take the critical value from runs of equal arms."""

    def error(logs: Floats) -> Floats:
        arms, typical = unbiased(logs), own(logs).mean(-1, keepdims=True)
        pairs = numpy.maximum(arms[..., 1:] + arms[..., :1], 0)
        found: Floats = numpy.sqrt((weight * pairs + (1 - weight) * 2 * typical) / logs.shape[-1])
        return found

    def halves(logs: Floats) -> Floats:
        random = numpy.random.default_rng(5)
        needed = []
        for some in numpy.array_split(logs, max(1, len(logs) // AT_ONCE)):
            draws = random.standard_normal((EQUAL_RUNS, *logs.shape[1:]))
            equal = numpy.sqrt(numpy.maximum(unbiased(some), 0))[:, None, :, None] * draws
            strays = numpy.abs(means(equal) / error(equal)).max(-1)
            needed.append(numpy.sort(strays, axis=1)[:, -round(SIMULATED_ALPHA * (EQUAL_RUNS + 1))])
        found: Floats = numpy.concatenate(needed)[:, None] * error(logs)
        return found

    return halves


METHODS: Mapping[str, Halves] = {
    "Student, Holm": student,
    "pooled, Dunnett": pooled,
    "Smyth, Dunnett": smyth,
    "sign flips": flips,
    "mixed 0.50": mixed(0.50),
    "mixed 0.75": mixed(0.75),
    "mixed 0.90": mixed(0.90),
}


def runs_of(world: World, random: numpy.random.Generator) -> Floats:
    """Return the logs of many runs: (runs, arms, blocks)."""
    return numpy.array([numpy.array(list(islice(logs_of(world, random), world.blocks))).T for _ in range(RUNS)])


def rates(logs: Floats, halves: Halves) -> tuple[float, float, float]:
    """Return how often equal arms are called different, how often a slower first arm is, and the median half width."""
    found, half = means(logs), halves(logs)
    wrong = ((numpy.abs(found) > half) & (numpy.abs(found) > LIMIT)).any(-1).mean()
    slower = numpy.abs(found[:, 0] + math.log1p(-SLOWER))
    right = ((slower > half[:, 0]) & (slower > LIMIT)).mean()
    return float(wrong), float(right), float(numpy.median(half))


def table(arms: int, blocks: int) -> Iterator[str]:
    """Yield one table's lines."""
    yield f"\n{arms} arms, {blocks} blocks: error / power / half of the interval, %.\n"
    yield f"| noise | {' | '.join(METHODS)} |"
    yield f"| --- |{' --: |' * len(METHODS)}"
    for world in identical(arms, blocks):
        logs = runs_of(world, numpy.random.default_rng(list(world.name.encode())))
        cells = (rates(logs, halves) for halves in METHODS.values())
        shown = " | ".join(f"{wrong:.1%} / {right:.0%} / {half:.0%}".replace("%", "") for wrong, right, half in cells)
        yield f"| {world.name.partition(', ')[2]} | {shown} |"


def designs(arms: int = 14) -> Iterator[str]:
    """Yield the lines of the table of designs, all with the chosen weight and equal noise; the time is that of trials."""
    noise = "equally noisy"
    yield f"\n{arms} arms, {noise}, mixed {OWN:.2f}.\n"
    yield "| design | trials per arm | error / power / half of the interval, % |"
    yield "| --- | --: | --: |"
    for blocks, baselines in ((6, 1), (6, 2), (6, 3), (7, 1), (8, 1), (10, 1), (12, 1)):
        world = next(world for world in identical(arms + baselines - 1, blocks) if noise in world.name)
        logs = runs_of(world, numpy.random.default_rng([blocks, baselines]))
        base = logs[:, -baselines:].mean(1, keepdims=True)
        wrong, right, half = rates(numpy.concatenate([base, logs[:, :-baselines]], axis=1), mixed(OWN))
        trials = blocks * (arms + baselines - 1) / arms
        shown = f"{100 * wrong:.1f} / {100 * right:.0f} / {100 * half:.0f}"
        yield f"| {blocks} blocks, baseline {baselines} x | {trials:.1f} | {shown} |"


def noise() -> Iterator[str]:
    """Yield the table of the noise of the committed runs."""
    heads = (
        "a half inside a window",
        "half a window",
        "window",
        "window without its halves",
        "median arm",
        "noisiest arm",
    )
    yield f"| run | cell | arms x blocks | {' | '.join(heads)} |"
    yield f"| --- | --- | --: |{' --: |' * len(heads)}"
    for name in ("standard-docker", "standard-all-docker"):
        yield from _windows(name)


def _windows(name: str) -> Iterator[str]:
    """Yield the lines of a reference run: spread of a half inside a window, and of windows beside the other arms of their block."""
    trials = view_of(RESULTS / "reference" / name).trials
    for (scenario, load), halves in _halves(trials).items():
        blocks = sorted(set[int].intersection(*(set(found) for found in halves.values())))
        logs = numpy.log([[found[block] for block in blocks] for found in halves.values()])
        change = logs[..., 1] - logs[..., 0]
        inside = (change - change.mean(1, keepdims=True)).var(1, ddof=1).mean() / 2
        half = (own(logs[..., 0]).mean() + own(logs[..., 1]).mean()) / 2
        arms = own(numpy.log(numpy.exp(logs).sum(-1)))
        whole = arms.mean()
        parts = (inside, half, whole, whole - inside / 2, numpy.median(arms), arms.max())
        shown = " | ".join(f"{100 * math.sqrt(max(0.0, part)):.1f}" for part in parts)
        yield f"| {name} | {scenario} {load} | {len(logs)} x {len(blocks)} | {shown} |"


def _halves(trials: Iterable[Judged]) -> dict[tuple[str, str], dict[str, dict[int, tuple[int, int]]]]:
    """Return the completions of both halves of each valid window under closed load, by arm and block."""
    found: dict[tuple[str, str], dict[str, dict[int, tuple[int, int]]]] = defaultdict(lambda: defaultdict(dict))
    for one in trials:
        if not isinstance(one.outcome, Sample) or one.verdict.result != "valid" or one.trial.load.kind != "closed":
            continue
        if (halves := one.outcome.driven.completed_halves) and all(halves):
            found[one.trial.scenario, str(one.trial.load)][one.trial.stack][one.trial.block] = halves
    return found


def main() -> None:
    """Print the tables."""
    for line in noise():
        print(line, flush=True)
    for arms, blocks in ((14, 6), (4, 6), (3, 6)):
        for line in table(arms, blocks):
            print(line, flush=True)
    for line in designs():
        print(line, flush=True)


if __name__ == "__main__":
    main()
