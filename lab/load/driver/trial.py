"""One trial from order to figures."""

import gc
import resource
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from functools import cache
from time import monotonic
from typing import Any

import numpy as np
from locust.env import Environment
from locust.exception import StopUser
from locust.util.load_locustfile import load_locustfile
from numpy.typing import NDArray

from lab.errors import LabError
from lab.load.driver.closed import Closed
from lab.load.driver.open import Open
from lab.load.driver.recorder import Digest, Recorder
from lab.load.driver.recovery import recovery_s
from lab.load.driver.schedule import burst_schedule, schedule
from lab.load.protocol import Began, Order
from lab.model.histogram import Histogram
from lab.model.outcome import Driven
from lab.model.workload import Scenario

GRACE_S = 1.0
"""How much longer than the timeout the drain may take before what is left counts as unfinished."""
EXHAUSTED = "generator: "
"""How a load test's reason begins that is this machine's fault and never the server's (`EXHAUSTED` of loadtests/client/wire.py)."""
EXCERPT = 200
"""Characters of a wrong body that are shown."""
SPARE_DESCRIPTORS = 100
"""Files that the driver has open besides its connections."""


class UnansweredError(Exception):
    """The stack did not answer the first request as it should: there is nothing to measure; the text is a sentence."""

    def __init__(self, sentence: str, error: str) -> None:
        super().__init__(sentence)
        self.error = error


def drive(order: Order, announce: Callable[[Began], None]) -> Driven:
    """Load the server as ordered and return what was seen.

    Raises:
        UnansweredError: the stack's fault.
        LabError: ours.
    """
    _check_descriptors(order)
    user_class = _user_class(order)
    try:
        _probe(user_class, order.scenario.expected_errors)
        return _run(order, user_class, announce)
    finally:
        user_class.patience.stop()


def _check_descriptors(order: Order) -> None:
    most = order.load.amount if order.load.kind == "closed" else order.most_connections
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if most + SPARE_DESCRIPTORS > limit:
        raise LabError(
            f"{most} connections need more than the {limit} open files that this machine allows; raise `ulimit -Hn`."
        )


def _user_class(order: Order) -> Any:
    """Return the scenario's user class with the state that all users of the trial share; it sends the order's path and parameters."""
    scenario = order.scenario
    base = _classes(scenario.file).get(scenario.user)
    if base is None:
        raise LabError(f"{scenario.file} has no user class {scenario.user}.")
    if not isinstance(base.params, Mapping):
        raise _another(scenario, "params", scenario.params, base.params)
    own = {"params": dict.fromkeys(base.params) | scenario.params}
    ordered = {"timeout_s": order.timeout_s, "keep_alive": not order.load.new_connections}
    user_class: Any = type(base.__name__, (base,), own | ordered | {"seed": order.seed + order.part})
    _hold_to(scenario, own, user_class)
    user_class.host = f"http://127.0.0.1:{order.port}"
    user_class.prepare(user_class.host)
    _hold_to(scenario, own, user_class)
    return user_class


def _hold_to(scenario: Scenario, own: Mapping[str, object], user_class: Any) -> None:
    """Raise LabError where the class would send something else than what was ordered: the lab read it in the file's text."""
    for name, ordered in {"path": scenario.path, **own}.items():
        if getattr(user_class, name) != ordered:
            raise _another(scenario, name, ordered, getattr(user_class, name))


def _another(scenario: Scenario, name: str, ordered: object, found: object) -> LabError:
    """Return the error of a class that differs, once it runs, from what the lab read in its text."""
    return LabError(
        f"{scenario.file}: `{name}` of {scenario.user} is {found!r} when the file runs, and {ordered!r} was ordered: "
        "assign it as a literal in the class, and nowhere else."
    )


@cache
def _classes(file: str) -> dict[str, Any]:
    """Return the user classes by name, loaded as `locust -f` does."""
    classes: dict[str, Any] = load_locustfile(file)[0]
    return classes


def _probe(user_class: Any, expected_errors: Container[str]) -> None:
    """Send one request before the load; its answer must be right, which teaches the others' length, or an expected error."""
    user = user_class(Environment())
    try:
        reason = user.ask(monotonic())
    finally:
        user.connection.close()
    _check_resources([reason] if reason else [])
    if reason is not None and reason not in expected_errors:
        wrong = _excerpt(user_class.expected.wrong_body)
        body = "" if wrong is None else f"; the body begins '{wrong}'"
        raise UnansweredError(
            f"The first request to {user_class.path} on {user_class.host} was not answered correctly: {reason}{body}.",
            reason,
        )


def _excerpt(body: bytes | None) -> str | None:
    """Return the first characters of a body; what a terminal would not print is escaped as Python escapes it."""
    if body is None:
        return None
    text = body.decode(errors="backslashreplace")
    shown = (one if one.isprintable() else one.encode("unicode_escape").decode() for one in text[:EXCERPT])
    return "".join(shown) + ("…" if len(text) > EXCERPT else "")


def _check_resources(reasons: Sequence[str]) -> None:
    """Blame the generator where it ran out of something, in the warm-up too: its users then asked for less than they should."""
    lacking = Counter(reason for reason in reasons if reason.startswith(EXHAUSTED))
    if lacking:
        reason, count = lacking.most_common(1)[0]
        raise LabError(f"{count:,} of the generator's requests could not be sent: {reason.removeprefix(EXHAUSTED)}.")


def _run(order: Order, user_class: Any, announce: Callable[[Began], None]) -> Driven:
    recorder = Recorder()
    load = _load(order, recorder)
    user_class.tasks = [_once(load)]
    runner: Any = Environment(user_classes=[user_class], host=user_class.host).create_local_runner()
    gc.disable()
    try:
        runner.start(load.users, spawn_rate=load.users or 1)  # a driver's share may be no user at all
        runner.spawning_greenlet.get()
        began = monotonic()
        start_s = load.begin(began)
        end_s = start_s + order.window_s
        announce(Began(window_start_s=start_s, window_end_s=end_s))
        runner.user_greenlets.join(timeout=end_s - monotonic() + order.timeout_s + GRACE_S)
        runner.user_greenlets.kill()
        drained = monotonic()
    finally:
        runner.quit()
        gc.enable()
    if load.crashes:
        raise LabError(f"A user of {order.scenario.id} broke down: {load.crashes[0]}.")
    if load.lost:
        raise LabError(f"{load.lost} of {load.users} users of {order.scenario.id} vanished in the middle of the load.")
    _check_resources(recorder.reasons)
    return _driven(order, load, recorder, user_class.expected, (began, start_s, drained))


def _once(load: Closed | Open) -> Callable[[Any], None]:
    """Return the load's task for Locust, to run once: Locust would repeat it, whether it succeeded or not."""

    def task(user: Any) -> None:
        try:
            load.task(user)
        except Exception as error:
            load.crashes.append(f"{type(error).__name__}: {error}")
        raise StopUser

    return task


def _load(order: Order, recorder: Recorder) -> Closed | Open:
    if order.offered_rps is None:
        return Closed(recorder, order)
    rate, seed, arrivals = order.offered_rps, order.seed, order.load.arrivals
    if order.load.burst:
        due_s = burst_schedule(rate, order.warmup_s, order.window_s, seed, arrivals)
    else:
        due_s = schedule(rate, order.warmup_s + order.window_s, seed, arrivals)
    due_s = due_s[order.part :: order.parts]
    return Open(recorder, due_s, order.warmup_s, order.window_s, order.most_connections)


def _driven(
    order: Order, load: Closed | Open, recorder: Recorder, expected: Any, times: tuple[float, float, float]
) -> Driven:
    is_open, (began, start, drained) = order.load.kind == "open", times
    think_s = order.load.think_ms / 1e3
    digest = Digest(recorder, start - began, start - began + order.window_s, is_open=is_open, think_s=think_s)
    return Driven(
        window_s=order.window_s,
        requests=digest.requests,
        completed=int(digest.completed_per_second.sum()),
        errors=dict(digest.errors),
        dropped=digest.dropped,
        scheduled=digest.scheduled,
        latency=digest.latency.encode(),
        service=digest.service.encode() if is_open else None,
        lag=digest.lag.encode() if is_open else None,
        completed_per_second=tuple(digest.completed_per_second.tolist()),
        completed_halves=(int(digest.completed_halves[0]), int(digest.completed_halves[1])),
        in_flight_s=digest.in_flight_s,
        thinking_s=digest.thinking_s,
        starved=digest.starved,
        all_served_s=load.all_served_s,
        recovery_s=recovery_s(recorder, start - began, order.window_s) if order.load.burst else None,
        connects=digest.connects,
        reconnects=digest.reconnects,
        checked=expected.checked,
        wrong_body=_excerpt(expected.wrong_body),
        secondary_timings={
            name: _aside(np.asarray(starts) - start, seconds, order.window_s).encode()
            for name, (starts, seconds) in expected.secondary_timings.items()
        },
        began_s=began,
        window_start_s=start,
        window_end_s=start + order.window_s,
        drained_s=drained,
    )


def _aside(offsets_s: NDArray[np.float64], seconds: Sequence[float], window_s: float) -> Histogram:
    """Return the times beside the latency, of the requests that started in the window."""
    histogram = Histogram()
    histogram.add(np.asarray(seconds, dtype=float)[(offsets_s >= 0) & (offsets_s < window_s)])
    return histogram
