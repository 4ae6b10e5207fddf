"""Part (a): compare the fast user, Locust's stock user and wrk on one core and the same servers, interleaved."""

import random
import shutil
from collections.abc import Iterable, Sequence
from contextlib import ExitStack

from lab.analysis import stats
from lab.calibrate.generators import SEED, Generators
from lab.calibrate.known_servers import Place, Running, nginx
from lab.calibrate.result import Finding, Generator, Ratio, ServerName, Throughput, Window

ROUNDS = 5
CLOSE_ROUNDS = 10
"""More rounds of the fast user and wrk alone: their ratio must be known to a few per cent."""
USERS = 64
WARMUP_S, WINDOW_S = 0.4, 2.0
STOCK_GOAL = 4.0
WRK_GOAL = 0.95
FAST: Generator = "fast user"
STOCK: Generator = "FastHttpUser"


def measure(
    place: Place,
    generators: Generators,
    rounds: int = ROUNDS,
    close_rounds: int = CLOSE_ROUNDS,
    window_s: float = WINDOW_S,
) -> Throughput:
    """Run every generator on every server once in each round, in seeded order; then the close rounds."""
    has_wrk = shutil.which("wrk") is not None
    names: list[Generator] = [FAST, STOCK, "wrk"] if has_wrk else [FAST, STOCK]
    order = random.Random(SEED)
    windows: list[Window] = []
    with ExitStack() as stack:
        servers: dict[ServerName, Running] = {"uvicorn": stack.enter_context(place.uvicorn())}
        if nginx():
            servers["nginx"] = stack.enter_context(place.nginx())
        for number in range(rounds + (close_rounds if has_wrk else 0)):
            pairs = [(server, generator) for server in servers for generator in names]
            if number >= rounds:
                pairs = [("uvicorn", generator) for generator in names if generator != STOCK]
            for server, generator in order.sample(pairs, len(pairs)):
                rate = generators.rate(generator, servers[server], USERS, WARMUP_S, window_s)
                windows.append(Window(server=server, generator=generator, round=number, **dict(rate)))
    return Throughput(windows=tuple(windows), ratios=ratios(windows))


def ratios(windows: Sequence[Window]) -> tuple[Ratio, ...]:
    """Return the ratios of the fast user to each other generator, inside the rounds."""
    pairs = dict.fromkeys((one.server, one.generator) for one in windows if one.generator != FAST)
    return tuple(
        Ratio(server=server, to=to, metric=metric, value=value, rounds=len(found))
        for server, to in pairs
        for metric in ("rps", "requests_per_cpu_s")
        if (value := stats.geometric(found := _inside_rounds(windows, server, to, metric)))
    )


def _inside_rounds(windows: Iterable[Window], server: ServerName, to: Generator, metric: str) -> list[float]:
    values = {(one.generator, one.round): getattr(one, metric) for one in windows if one.server == server}
    return [values[FAST, number] / value for (generator, number), value in values.items() if generator == to]


def findings(seen: Throughput) -> list[Finding]:
    """Return the figures with their goals; without nginx the bare ASGI app takes its place."""
    pairs = sorted({(one.server, one.generator) for one in seen.windows})
    of = {pair: [one for one in seen.windows if (one.server, one.generator) == pair] for pair in pairs}
    limit: ServerName = "nginx" if ("nginx", FAST) in of else "uvicorn"
    goals = {(limit, STOCK, "requests_per_cpu_s"): STOCK_GOAL, ("uvicorn", "wrk", "rps"): WRK_GOAL}
    return [
        *(_rate(server, generator, windows) for (server, generator), windows in of.items()),
        *(
            _ratio(one, goals.get((one.server, one.to, one.metric)), _errors(of.get((one.server, FAST), ())))
            for one in seen.ratios
        ),
    ]


def _errors(windows: Iterable[Window]) -> int:
    return sum(one.errors for one in windows)


def _rate(server: ServerName, generator: Generator, windows: Sequence[Window]) -> Finding:
    rps, per_cpu_s = stats.middle(one.rps for one in windows), stats.middle(one.requests_per_cpu_s for one in windows)
    errors = _errors(windows)
    return Finding(
        part="generator",
        figure=f"{generator} against {server}: requests/s; per CPU second (medians)",
        value=f"{rps:,.0f}; {per_cpu_s:,.0f}" + (f"; {errors} errors" if errors else ""),
    )


def _ratio(ratio: Ratio, goal: float | None, errors: int) -> Finding:
    value = ratio.value
    interval = "" if value.lo is None else f" [{value.lo:.2f}, {value.hi:.2f}]"
    unit = "requests/s" if ratio.metric == "rps" else "requests per CPU second"
    return Finding(
        part="generator",
        figure=f"fast user / {ratio.to} against {ratio.server}: {unit}",
        value=f"{value.mean:.2f}{interval}",
        goal="" if goal is None else f"at least {goal:g}",
        met=None if goal is None else value.mean >= goal and not errors,
    )
