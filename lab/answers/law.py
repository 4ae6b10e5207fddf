"""The law of the crossover: how many requests per second threads and coroutines answer in a closed loop.

Asymptotic bounds of a closed queueing network (Denning & Buzen 1978; Lazowska et al. 1984, chapter 5), or exact mean value
analysis (Reiser & Lavenberg 1980). A request waits W, and needs the one CPU for C and for the stack's own overhead, a for
coroutines and t for threads. T threads let min(N, T) of N users in at a time; the others queue. z is what passes between an
answer and the user's next request, on the client's side. So

    coroutines  X = min(N / (W + C + a + z), 1 / (C + a))
    threads     X = min(N / (W + C + t + z), T / (W + C + t), 1 / (C + t))

and T threads stop being enough at about W = (T - 1) (C + t).

These bounds are reached where requests never wait for each other's CPU time while the CPU has some left. The other extreme is a convoy:
everybody waits, then everybody computes, and a round takes W + n (C + t) for the n requests inside. `Form` convoy lies between the two.
A coroutine meets the queue at the CPU v times in a round, as its request is read only when the loop is free: mean value analysis with v
waits for what is queued. A thread waits for the CPU time of a share of the others, which grows with their demand r = (n - 1) (C + t) / (W + z)
as r^2 / (r^2 + h^2); this shape is found from measurements, not derived.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Literal, get_args

from scipy.optimize import least_squares  # type: ignore[import-untyped]

Form = Literal["bounds", "mva", "convoy"]
FORMS: tuple[Form, ...] = get_args(Form)


@dataclass(frozen=True)
class Point:
    """One request in a closed loop: W, C, N, and T of threads (None: coroutines)."""

    wait_ms: float
    cpu_ms: float
    users: int
    threads: int | None = None


@dataclass(frozen=True)
class Seen:
    """What was measured at a point."""

    point: Point
    rps: float


@dataclass(frozen=True)
class Law:
    """The law with what was fitted; times in ms of the server's CPU."""

    form: Form
    coroutine_ms: float
    """a: the stack's own CPU time for a request handled by a coroutine."""
    thread_ms: float
    """t: the same on a thread of the pool."""
    client_ms: float
    """z: from an answer to the user's next request."""
    visits: float = 1.0
    """Form convoy, v: how often in a round a coroutine waits for what is queued at the CPU."""
    half: float = 1.0
    """Form convoy, h (0 to 1): the demand at which a thread waits for half of the others; 1: they compute as long as it waits."""

    def rps(self, point: Point) -> float:
        """Return the requests per second that the law expects."""
        cpu_ms = self.busy_ms(point)
        inside = point.users if point.threads is None else min(point.users, point.threads)
        if self.form == "mva" or (self.form == "convoy" and point.threads is None):
            return 1e3 * _mva(point.wait_ms + self.client_ms, cpu_ms, inside, self.visits)
        idle_ms = point.wait_ms + (self.client_ms if inside == point.users else 0.0)
        others_ms = cpu_ms * (inside - 1)
        met = others_ms**2 / (others_ms**2 + (self.half * idle_ms) ** 2) if self.form == "convoy" and others_ms else 0.0
        return 1e3 * min(inside / (idle_ms + cpu_ms + met * others_ms), 1 / cpu_ms)

    def busy_ms(self, point: Point) -> float:
        """Return the CPU time that a request takes in all: its own, and the stack's."""
        return point.cpu_ms + (self.coroutine_ms if point.threads is None else self.thread_ms)

    def enough_threads(self, point: Point) -> float:
        """Return how many threads keep the CPU busy, or serve all users: with more of them nothing is gained."""
        cpu_ms = self.busy_ms(Point(point.wait_ms, point.cpu_ms, point.users, threads=point.users))
        return min(point.users, 1 + point.wait_ms / cpu_ms)


def _mva(delay_ms: float, cpu_ms: float, customers: int, visits: float) -> float:
    """Return the requests per ms of a closed network with a delay and one queue, by mean value analysis; exact for one visit."""
    queued, rate = 0.0, 0.0
    for others in range(customers):
        met = min(visits * queued, others)
        rate = (others + 1) / (delay_ms + cpu_ms * (1 + met))
        queued = rate * cpu_ms * (1 + queued)
    return min(rate, 1 / cpu_ms)


def fitted(seen: Sequence[Seen], form: Form) -> Law:
    """Return the law whose logs are closest to what was measured (least squares, soft: single cells may fail it)."""

    def law(logs: Sequence[float]) -> Law:
        coroutine_ms, thread_ms, client_ms, *convoy = map(exp, logs)
        if not convoy:
            return Law(form, coroutine_ms, thread_ms, client_ms)
        visits, half = convoy
        return Law(form, coroutine_ms, thread_ms, client_ms, visits, half / (1 + half))

    def residuals(logs: Sequence[float]) -> list[float]:
        tried = law(logs)
        return [log(one.rps / tried.rps(one.point)) for one in seen]

    start = [log(0.15), log(0.3), log(0.2), *([log(1.5), log(1.0)] if form == "convoy" else [])]
    return law(least_squares(residuals, start, loss="soft_l1", f_scale=0.05).x)


def better_form(seen: Sequence[Seen]) -> Law:
    """Return the fit of the form that leaves the smaller errors."""
    return min((fitted(seen, form) for form in FORMS), key=lambda law: sum(error**2 for error in errors(law, seen)))


def errors(law: Law, seen: Iterable[Seen]) -> list[float]:
    """Return the log of measured over expected, of each point."""
    return [log(one.rps / law.rps(one.point)) for one in seen]
