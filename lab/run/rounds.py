"""Turn `cpu_ms=2` into `rounds` of the digest: measure at the start of a run how many rounds take that CPU time.

The measurement uses the interpreter that serves, on the server's CPU. It is the slope of the server's CPU time per request to
`PATH` between few and many rounds, so the cost of the request itself cancels out. All stacks of a run get the same rounds.
"""

import http.client
import statistics
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from pathlib import Path

from lab.config import openapi
from lab.errors import LabError
from lab.host import readings
from lab.model.noun import Noun
from lab.model.stack import Arm
from lab.model.workload import Scenario
from lab.run.servers import serving
from lab.runtime.interface import Runtime

PATH = "/crunch/inline"
REQUESTS = 10
REPEATS = 9
FEW, MANY = 1, 70_000
"""Rounds; the many take about five milliseconds in CPython."""
PATIENCE_S = 30.0


class Rate(Noun):
    """How fast the digest is here."""

    rounds_per_ms: float
    """Of CPU time of the server: median of `REPEATS` slopes."""
    stack: str
    """On which it was measured: the baseline, or the first other one that could be asked."""


def with_rounds(scenario: Scenario, rate: Rate) -> Scenario:
    """Return a scenario with the rounds that its `cpu_ms` stands for; one without `cpu_ms` as it is.

    Raises:
        LabError: these are more rounds than the contract allows.
    """
    if scenario.cpu_ms is None:
        return scenario
    rounds, most = max(1, round(scenario.cpu_ms * rate.rounds_per_ms)), _most_rounds()
    if rounds > most:
        raise LabError(
            f"{scenario.id} is {rounds:,} rounds here, and the HTTP contract allows {most:,}: "
            f"ask for cpu_ms={int(most / rate.rounds_per_ms)} at most."
        )
    return scenario.model_copy(update={"params": {**scenario.params, "rounds": rounds}})


def _most_rounds() -> int:
    return next(parameter.high for parameter in openapi.parameters()[PATH] if parameter.name == "rounds")


def calibrated(runtime: Runtime, arms: Sequence[Arm], logs: Path, cpus: Collection[int]) -> Rate:
    """Start arms one after the other until one of them shows how fast the digest is; return that.

    Raises:
        LabError: none of them does.
    """
    for arm in arms:
        with serving(runtime, [arm], logs, cpus) as started:
            if arm.label in started.unhealthy:
                continue
            target = runtime.target(arm.label)
            if rate := _rounds_per_ms(arm.port, lambda: readings.cpu_s(target)):  # noqa: B023  # called at once
                return Rate(rounds_per_ms=rate, stack=arm.label)
    tried = ", ".join(arm.label for arm in arms) or "none of the chosen stacks serves it"
    raise LabError(f"cpu_ms could not be turned into rounds through {PATH} ({tried}): give `rounds` in its place.")


def _rounds_per_ms(port: int, cpu_s: Callable[[], float | None]) -> float | None:
    """Return rounds per millisecond of CPU time; None if the server does not answer, or its CPU time is not known."""
    slopes = []
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as connection:
        for _ in range(REPEATS):
            few_s, many_s = (_used_s(connection, rounds, cpu_s) for rounds in (FEW, MANY))
            if few_s is None or many_s is None or many_s <= few_s:
                return None
            slopes.append(REQUESTS * (MANY - FEW) / (many_s - few_s) / 1e3)
    return statistics.median(slopes)


def _used_s(connection: http.client.HTTPConnection, rounds: int, cpu_s: Callable[[], float | None]) -> float | None:
    """CPU seconds of the server in which it answered `REQUESTS` requests; None where it did not, or they are not known."""
    before_s = cpu_s()
    for _ in range(REQUESTS):
        try:
            connection.request("GET", f"{PATH}?rounds={rounds}")
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            return None
        if response.status != 200:
            return None
    after_s = cpu_s()
    return None if before_s is None or after_s is None else after_s - before_s
