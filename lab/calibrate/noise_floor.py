"""Part (d): measure the noise floor of two identical servers in a profile's windows, and what the profile can resolve."""

import math
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Literal

import numpy as np

from lab.analysis import stats
from lab.analysis.comparison.pairs import Observation
from lab.analysis.comparison.rows import Comparison, compare
from lab.calibrate.generators import Generators
from lab.calibrate.known_servers import Place, Running
from lab.calibrate.result import Finding, NoiseFloor, NoiseTrial
from lab.config import selection
from lab.model.workload import Profile
from lab.paths import LOADTESTS

GOALS = {"quick": 0.20, "standard": 0.10}
"""Profile -> goal for the minimum detectable difference in throughput."""
METRICS = ("rps", "cpu_us_per_request")
LOAD = "closed:64"
"""It stands for the first closed load of the profile, which both servers get."""
Arm = Literal["a", "b"]


def measure(place: Place, generators: Generators, profile_name: str) -> NoiseFloor:
    """Run the profile's blocks: fresh servers, each loaded once, in alternating order; as many as the profile may run."""
    profile = selection.profile(LOADTESTS, profile_name)
    trials: list[NoiseTrial] = []
    for block in range(profile.most_blocks or profile.blocks):
        if block >= profile.blocks and _is_known(trials, profile.precision or 1):
            break
        with ExitStack() as stack:
            servers: dict[Arm, Running] = {"a": stack.enter_context(place.uvicorn())}
            servers["b"] = stack.enter_context(place.uvicorn())
            arms: list[Arm] = ["a", "b"] if block % 2 == 0 else ["b", "a"]
            trials += [_trial(generators, profile, block, arm, servers[arm]) for arm in arms]
    return floor(profile_name, trials)


def _trial(generators: Generators, profile: Profile, block: int, arm: Arm, server: Running) -> NoiseTrial:
    load = next(str(load) for load in profile.loads if load.kind == "closed")
    seen = generators.drive(server, generators.greeting(), load, profile.warmup_s, profile.window_s, server.target)
    completed = seen.driven.completed
    return NoiseTrial(
        block=block, arm=arm, rps=completed / profile.window_s, cpu_us_per_request=seen.cpu_s() / completed * 1e6
    )


def _is_known(trials: Iterable[NoiseTrial], precision: float) -> bool:
    half = _compared(trials)["rps"].adjusted_half
    return half is not None and half <= math.log1p(precision)


def _compared(trials: Iterable[NoiseTrial]) -> dict[str, Comparison]:
    seen = [Observation(t.arm, "", LOAD, t.block, metric, getattr(t, metric)) for t in trials for metric in METRICS]
    return {row.metric: row for row in compare(seen, "a")}


def floor(profile_name: str, trials: Sequence[NoiseTrial]) -> NoiseFloor:
    """Derive the noise floor from the ratios b / a inside the blocks."""
    logs = {metric: _log_ratios(trials, metric) for metric in METRICS}
    ratio = {metric: stats.geometric(map(math.exp, values)) for metric, values in logs.items()}
    rows = _compared(trials)
    return NoiseFloor(
        profile=profile_name,
        trials=tuple(trials),
        ratio={metric: value for metric, value in ratio.items() if value is not None},
        spread={metric: float(np.std(values, ddof=1)) / math.sqrt(2) for metric, values in logs.items()},
        mde={metric: row.mde for metric, row in rows.items() if row.mde is not None},
        verdict={metric: row.verdict for metric, row in rows.items()},
    )


def _log_ratios(trials: Iterable[NoiseTrial], metric: str) -> list[float]:
    values = {(trial.arm, trial.block): getattr(trial, metric) for trial in trials}
    return [math.log(values["b", block] / value) for (arm, block), value in values.items() if arm == "a"]


def findings(floors: Iterable[NoiseFloor]) -> list[Finding]:
    """Return the verdict on identical servers, the spread of trials, and the minimum detectable difference."""
    return [row for floor in floors for metric in METRICS for row in _findings(floor, metric)]


def _findings(floor: NoiseFloor, metric: str) -> list[Finding]:
    ratio, smallest = floor.ratio[metric], floor.mde.get(metric)
    interval = "" if ratio.lo is None else f" [{ratio.lo:.3f}, {ratio.hi:.3f}]"
    goal = GOALS[floor.profile] if metric == "rps" else None
    seen = "unknown" if smallest is None else f"{smallest:.1%}"
    return [
        Finding(
            part="noise",
            figure=f"{floor.profile}, A/A, {metric}: ratio of identical servers",
            value=f"{ratio.mean:.3f}{interval}: {floor.verdict[metric]}",
            goal="not different",
            met=floor.verdict[metric] != "different",
        ),
        Finding(
            part="noise",
            figure=f"{floor.profile}, {metric}: minimum detectable difference (80 % power); spread per trial",
            value=f"{seen}; {floor.spread[metric]:.1%}",
            goal="" if goal is None else f"at most {goal:.0%}",
            met=None if goal is None or smallest is None else smallest <= goal,
        ),
    ]
