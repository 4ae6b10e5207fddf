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
from lab.load.merge import merged
from lab.load.protocol import Began, Order
from lab.model.histogram import Histogram
from lab.model.mixtures import portions
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
    asked = [_Asked(one, place, is_probe) for place, (one, is_probe) in enumerate(_orders(order))]
    try:
        _check_descriptors([one.order for one in asked])
        for one in asked:
            _probe(one.user_class, one.order.scenario.expected_errors)
        return _total(asked, _run(order, asked, announce))
    finally:
        for one in asked:
            one.user_class.patience.stop()


def _orders(order: Order) -> list[tuple[Order, bool]]:
    """Return an order for each scenario of a mixture, and whether it is a probe; beside users, it begins when they were served."""
    found = portions(order.scenario, order.load)
    begins_late = any(portion.load.kind == "closed" for portion in found)
    orders = []
    for place, (_, alone, load, is_probe) in enumerate(found):
        half = begins_late and load.kind == "open"
        update = {"scenario": alone, "load": load, "rate": None, "seed": order.seed + place}
        orders.append((order.model_copy(update={**update, "warmup_s": order.warmup_s / (2 if half else 1)}), is_probe))
    return orders or [(order, False)]


class _Asked:
    """A scenario of the trial with its own load, users and records; a trial has one, or several beside each other."""

    def __init__(self, order: Order, place: int, is_probe: bool) -> None:
        self.order, self.is_probe = order, is_probe
        self.user_class = _user_class(order, place)
        self.recorder = Recorder()
        self.load = _load(order, self.recorder)
        self.user_class.tasks = [_once(self.load)]
        self.user_class.fixed_count = self.load.users


def _total(asked: Sequence[_Asked], driven: Sequence[Driven]) -> Driven:
    """Return the only record; of a mixture, that of all its scenarios but probes, with each one's own."""
    if len(asked) == 1:
        return driven[0]
    main = [seen for one, seen in zip(asked, driven, strict=True) if not one.is_probe]
    return merged(main).model_copy(update={"portions": tuple(driven)})


def _check_descriptors(orders: Sequence[Order]) -> None:
    most = sum(one.load.amount if one.load.kind == "closed" else one.most_connections for one in orders)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if most + SPARE_DESCRIPTORS > limit:
        raise LabError(
            f"{most} connections need more than the {limit} open files that this machine allows; raise `ulimit -Hn`."
        )


def _user_class(order: Order, place: int) -> Any:
    """Return the scenario's user class with the state that all users of the trial share; it sends the order's path and parameters."""
    scenario = order.scenario
    base = _classes(scenario.file).get(scenario.user)
    if base is None:
        raise LabError(f"{scenario.file} has no user class {scenario.user}.")
    if not isinstance(base.params, Mapping):
        raise _another(scenario, "params", scenario.params, base.params)
    own = {"params": dict.fromkeys(base.params) | scenario.params}
    ordered = {"timeout_s": order.timeout_s, "keep_alive": not order.load.new_connections}
    user_class: Any = type(f"{base.__name__}{place or ''}", (base,), own | ordered | {"seed": order.seed + order.part})
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


def _run(order: Order, asked: Sequence[_Asked], announce: Callable[[Began], None]) -> list[Driven]:
    classes = [one.user_class for one in asked]
    runner: Any = Environment(user_classes=classes, host=classes[0].host).create_local_runner()
    users = sum(one.load.users for one in asked)
    closed = [one.load for one in asked if isinstance(one.load, Closed)]
    gc.disable()
    try:
        runner.start(users, spawn_rate=users or 1)  # a driver's share may be no user at all
        runner.spawning_greenlet.get()
        began_s = monotonic()
        for load in closed:
            load.begin(began_s)
        start_s = max((load.earliest_s() for load in closed), default=began_s + order.warmup_s)
        for one in asked:
            one.load.settle(start_s)
        end_s = start_s + order.window_s
        announce(Began(window_start_s=start_s, window_end_s=end_s))
        runner.user_greenlets.join(timeout=end_s - monotonic() + order.timeout_s + GRACE_S)
        runner.user_greenlets.kill()
        drained_s = monotonic()
    finally:
        runner.quit()
        gc.enable()
    return [_seen(one, start_s, drained_s) for one in asked]


def _seen(asked: _Asked, start_s: float, drained_s: float) -> Driven:
    """Return what was seen of one scenario, unless its users broke down."""
    load, id_ = asked.load, asked.order.scenario.id
    if load.crashes:
        raise LabError(f"A user of {id_} broke down: {load.crashes[0]}.")
    if load.lost:
        raise LabError(f"{load.lost} of {load.users} users of {id_} vanished in the middle of the load.")
    _check_resources(asked.recorder.reasons)
    return _driven(asked.order, load, asked.recorder, asked.user_class.expected, (load.began_s, start_s, drained_s))


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
    digest = Digest(recorder, start - began, start - began + order.window_s, is_open=is_open)
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
        thinking_s=load.thinking_s,
        starved=digest.starved,
        all_served_s=load.all_served_s,
        recovery_s=recovery_s(recorder, start - began, order.window_s) if order.load.burst else None,
        connects=digest.connects,
        reconnects=digest.reconnects,
        by_port=load.by_port or {},
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
