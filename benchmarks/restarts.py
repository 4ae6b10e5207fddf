"""Does the noise of a window belong to the process that serves, or to the moment? `python -m benchmarks.restarts` prints it.

Two identical servers are started together and measured in several rounds, then stopped and started again, and so on. If the ratio of the
two stays the same within a start, the noise is of the processes: more windows without a restart then add nothing. If it
changes from round to round as much as from start to start, a restart is only a cost.
"""

import argparse
import math
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy

from lab.analysis.comparison.chance import Floats
from lab.calibrate.generators import Generators
from lab.calibrate.known_servers import Place
from lab.config.project import Project
from lab.load.client import Driver

LOAD, WARMUP_S, WINDOW_S = "closed:64", 0.2, 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=4)
    words = parser.parse_args()
    cpus = Project.here().cpus
    with (
        tempfile.TemporaryDirectory(prefix="lab-restarts-") as folder,
        Driver(cpus=cpus.others, log=Path(folder) / "driver.log") as driver,
    ):
        place, generators = Place(Path(folder), cpus.server), Generators(driver, cpus.others)
        ratios = numpy.array(
            [_start(place, generators, words.rounds, bool(start % 2)) for start in range(words.starts)]
        )
    moment, process = components(ratios)
    print(f"{words.starts} starts of two identical servers, {words.rounds} windows of {WINDOW_S:g} s each, {LOAD}")
    print(
        f"a window beside that of the other server: {_percent(moment)} of the moment, {_percent(process)} of the process"
    )
    print(f"a window correlates with the next one of its start by {following(ratios):.2f}, after its mean is taken out")


def _start(place: Place, generators: Generators, rounds: int, backwards: bool) -> list[float]:
    """Return the log ratio of two fresh servers in each round, whose order turns from one to the next."""
    with ExitStack() as running:
        servers = [running.enter_context(place.uvicorn()) for _ in range(2)]
        found = []
        for number in range(rounds):
            order = (1, 0) if (number % 2) != backwards else (0, 1)
            completed = [0, 0]
            for one in order:
                seen = generators.drive(
                    servers[one], generators.greeting(), LOAD, WARMUP_S, WINDOW_S, servers[one].target
                )
                completed[one] = seen.driven.completed
            found.append(math.log(completed[1] / completed[0]))
        return found


def components(ratios: Floats) -> tuple[float, float]:
    """Return the standard deviations of one server's window: of the moment, and of the process (one-way analysis of variance).

    Args:
        ratios: log ratio of two servers. Shape (starts, rounds). Each has the noise of two windows.
    """
    rounds = ratios.shape[1]
    within = ratios.var(axis=1, ddof=1).mean()
    between = ratios.mean(axis=1).var(ddof=1) - within / rounds
    return math.sqrt(within / 2), math.sqrt(max(between, 0) / 2)


def following(ratios: Floats) -> float:
    """Return the correlation of a window with the next one of the same start; without memory it is -1 / (rounds - 1)."""
    around = ratios - ratios.mean(axis=1, keepdims=True)
    return float((around[:, 1:] * around[:, :-1]).mean() / (around**2).mean())


def _percent(deviation: float) -> str:
    return f"{100 * deviation:.1f} %"


if __name__ == "__main__":
    main()
