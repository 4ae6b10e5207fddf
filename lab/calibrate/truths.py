"""Part (b): compare the reports of the driver and of stock Locust with servers whose delays are known."""

from collections.abc import Iterable
from dataclasses import dataclass

from lab.calibrate.generators import NUMBERED, SEED, Generators
from lab.calibrate.known_servers import Place
from lab.calibrate.result import Finding, Percentiles, TruthTest
from lab.calibrate.truth import (
    PERCENTS,
    Log,
    Mode,
    Times,
    closed_latencies,
    is_near,
    name,
    open_latencies,
    percentiles_ms,
)
from lab.load.driver.schedule import schedule
from lab.load.protocol import StockOrder
from lab.model.histogram import Histogram
from lab.model.loads import Load
from lab.model.outcome import Driven

QUIET = 0.000_5
"""Share of the window for which the driver may be kept from its CPU. Twice as much decides a p99.9 alone."""
ATTEMPTS = 4
"""Attempts at one test until one of them is quiet; otherwise the quietest counts, whatever its result."""
PACED_USERS = 250
"""Users of stock Locust under open load: enough that pacing, not waiting for answers, sets the rate."""


@dataclass(frozen=True)
class Test:
    """One server under one load; the sample needs 10,000 requests for a p99.9.

    With a constant delay only pauses decide the p99.9, and ten users in step meet each of them together. So that test needs
    more requests until single pauses do not decide it. A freeze leaves all users in step for good. With many users the p99
    would be the time in which a generator reads all their answers at once.
    """

    mode: Mode
    load: str
    window_s: float
    warmup_s: float = 0.5


TESTS = (
    Test("constant", "closed:10", 20),
    Test("constant", "open:1500", 15),
    Test("two-valued", "closed:10", 9.5),
    Test("two-valued", "open:1500", 7.5),
    Test("log-normal", "closed:10", 8),
    Test("log-normal", "open:1500", 7.5),
    Test("freezing", "closed:16", 20),
    Test("freezing", "open:1250", 10),
)


def measure(place: Place, generators: Generators, test: Test, *, stock: bool = True) -> TruthTest:
    """Run the driver until an attempt is undisturbed, then stock Locust, each time on a fresh server."""
    attempts = [_attempt(place, generators, test)]
    quiet_ms = QUIET * test.window_s * 1e3
    while attempts[-1].lost_ms >= quiet_ms and len(attempts) < ATTEMPTS:
        attempts.append(_attempt(place, generators, test))
    measured = min(attempts, key=lambda one: one.lost_ms)
    rejected = (one for one in attempts if one is not measured)
    says = _stock(place, generators, test) if stock else {}
    return measured.model_copy(update={"rejected": tuple(rejected), **says})


def _attempt(place: Place, generators: Generators, test: Test) -> TruthTest:
    with place.delays(test.mode) as server:
        seen = generators.drive(server, NUMBERED, test.load, test.warmup_s, test.window_s, server.target)
        log = server.log()
    driven, load = seen.driven, Load.model_validate(test.load)
    return TruthTest(
        mode=test.mode,
        load=load,
        requests=driven.requests,
        truth_ms={} if driven.errors or driven.dropped else percentiles_ms(_truth(test, load, driven, log)),
        reported_ms=_reported(driven.latency),
        lag_ms=_reported(driven.lag),
        errors=driven.errors | ({"dropped": driven.dropped} if driven.dropped else {}),
        generator_waited_ms=seen.generator_waited_s * 1e3,
        generator_stolen_ms=seen.generator_stolen_s * 1e3,
        latency=driven.latency,
    )


def _truth(test: Test, load: Load, driven: Driven, log: Log) -> Times:
    start_s, end_s = driven.window_start_s, driven.window_end_s
    if load.kind == "closed":
        return closed_latencies(log, start_s, end_s)
    due_s = schedule(load.amount, test.warmup_s + test.window_s, SEED)
    return open_latencies(log, (driven.began_s + due_s).tolist(), start_s, end_s)


def _stock(place: Place, generators: Generators, test: Test) -> dict[str, object]:
    load = Load.model_validate(test.load)
    is_open = load.kind == "open"
    with place.delays(test.mode) as server:
        says = generators.stock(
            StockOrder(
                url=server.url,
                users=PACED_USERS if is_open else load.amount,
                rate=load.amount if is_open else None,
                warmup_s=test.warmup_s,
                window_s=test.window_s,
            )
        )
        log = server.log()
    known = closed_latencies(log, says.window_start_s, says.window_end_s)
    return {
        "stock_requests": says.requests,
        "stock_ms": says.percentiles_ms,
        "stock_truth_ms": percentiles_ms(known),
    }


def _reported(histogram: str | None) -> Percentiles:
    if histogram is None:
        return {}
    counted = Histogram.decode(histogram)
    found = {name(percent): counted.percentile_us(percent) for percent in PERCENTS}
    return {key: value / 1e3 for key, value in found.items() if value is not None}


def findings(tests: Iterable[TruthTest]) -> list[Finding]:
    """Return a row for each percentile of each test, and the time for which other programs kept the driver from its CPU."""
    return [row for test in tests for row in (*(_finding(test, name(p)) for p in PERCENTS), _waited(test))]


def _waited(test: TruthTest) -> Finding:
    others = ", ".join(f"{one.lost_ms:,.1f}" for one in test.rejected)
    return Finding(
        part="truth",
        figure=f"{test.mode}, {test.load}: the driver was kept from its CPU, in ms",
        value=f"{test.lost_ms:,.1f}" + (f"; in attempts that do not count {others}" if others else ""),
    )


def _finding(test: TruthTest, percent: str) -> Finding:
    truth, reported = test.truth_ms.get(percent), test.reported_ms.get(percent)
    stock = (test.stock_ms or {}).get(percent)
    says = "" if stock is None else f"; stock Locust {stock:,.0f}"
    figure = f"{test.mode}, {test.load}: {percent} in ms"
    if truth is None or reported is None:
        lacks = f"errors: {test.errors}" if test.errors else "too few requests"
        return Finding(part="truth", figure=figure, value=lacks + says, goal="10,000 requests, no errors", met=False)
    return Finding(
        part="truth",
        figure=figure,
        value=f"{reported:,.2f}, truth {truth:,.2f}{says}",
        goal="3 % or 0.3 ms",
        met=is_near(reported, truth) and not test.errors,
    )
