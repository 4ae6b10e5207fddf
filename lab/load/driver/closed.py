"""Closed load: N users, each sends its next request when the last one is answered, at once or after a think time."""

from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Any

import gevent
from gevent.event import Event
from locust import User

from lab.load.driver.recorder import Recorder
from lab.load.protocol import Order


class Closed:
    """The loop that all users of a trial run.

    They begin spread evenly over the first half of the warm-up: a thousand connections in one instant would measure the server's
    backlog. Each is answered once, well or not, and waits until all are: some servers accept one connection per turn of their
    event loop, and the turns get longer with each user that asks on. Then they begin again, spread over the time in which
    all were answered once the last had begun: users in step would wait in step, and slots that were taken at once would be free
    at once. Half a warm-up follows, or that time if it is longer. Users that think begin again over one think time: from then on
    they come as evenly as they do in the long run.
    """

    def __init__(self, recorder: Recorder, order: Order) -> None:
        self.recorder = recorder
        self.users = order.users
        self.think_s = order.load.think_ms / 1e3
        self.ramp_s = order.warmup_s / 2
        """Over which users begin."""
        self.settling_s = order.settling_s
        """From the time at which each has been served until the window."""
        self.window_s = order.window_s
        self.longest_ramp_s = order.longest_ramp_s
        self.start_s = self.stop_s = inf
        """When the window starts, and when it ends and nobody sends any more (CLOCK_MONOTONIC)."""
        self.thinking_s = 0.0
        """Sum of the times for which users waited after an answer, clipped to the window."""
        self.all_served_s: float | None = None
        """From the start of the load until each user had been answered once."""
        self._unserved = order.users
        self._spread_s = self.think_s
        """Over which users begin again."""
        self._all_served = Event()
        self.by_port: dict[int, int] | None = {} if order.by_port else None
        """Port of a user's connection -> correct responses in the window."""
        self.crashes: list[str] = []
        self.ended = 0
        """Users that stopped when they were to, or were stopped."""
        self._begun = 0
        self._gate = Event()
        self._ramp_ended = Event()

    def begin(self, began_s: float) -> None:
        """Let the users ask once; what they note is counted from `began_s`."""
        self.began_s = began_s
        self._gate.set()

    def earliest_s(self) -> float:
        """Wait until all users have been answered once, or have had their time; return when the window may start at the earliest."""
        start_s = self.began_s + self.ramp_s + self.settling_s
        if not (self.longest_ramp_s and self.users):
            return start_s
        if self._all_served.wait(max(0.0, self.began_s + self.longest_ramp_s - monotonic())):
            self.all_served_s = monotonic() - self.began_s
            last_began_s = self.ramp_s * (1 - 1 / self.users)
            self._spread_s = self.think_s or max(self.all_served_s - last_began_s, self.ramp_s / 2)
        return max(start_s, monotonic() + max(self._spread_s, self.settling_s))

    def settle(self, start_s: float) -> None:
        """Let the users ask on; the window starts at `start_s`."""
        self.start_s, self.stop_s = start_s, start_s + self.window_s
        self._ramp_ended.set()

    def task(self, user: Any) -> None:
        """Do the work of a user, once."""
        place = self._begun / self.users
        self._begun += 1
        self._gate.wait()
        gevent.sleep(place * self.ramp_s)
        try:
            self._ask_on(user.ask, user.connection, place, self._pause(user))
        except gevent.GreenletExit:
            self.ended += 1
            raise
        self.ended += 1

    @property
    def lost(self) -> int:
        """Return how many users vanished without a reason; their requests are missing from every figure."""
        return self.users - self.ended - len(self.crashes)

    def _await_others(self, place: float, *, thinks: bool) -> None:
        """Note that a user has been served; return when it is to begin again: `place` says how many do before it (0 to 1)."""
        self._unserved -= 1
        if not self._unserved:
            self._all_served.set()
        if self.think_s or not self._ramp_ended.is_set():
            self._ramp_ended.wait()
            wait = self._rest if thinks else gevent.sleep
            wait(place * self._spread_s)

    def _rest(self, seconds: float) -> bool:
        """Do nothing for so long, or until the window ends; return whether it lasts longer (a timer may wake a little early)."""
        began_s = monotonic()
        until_s = began_s + seconds
        gevent.sleep(max(0.0, min(until_s, self.stop_s) - began_s))
        self.thinking_s += max(0.0, min(until_s, self.stop_s) - max(began_s, self.start_s))
        return until_s < self.stop_s

    def _pause(self, user: Any) -> Callable[[], float] | None:
        """Return what says how long a user waits after an answer; None where it asks on at once."""
        if self.think_s:
            return lambda: self.think_s
        return None if type(user).wait_time is User.wait_time else user.wait_time  # Locust's own default is no pause

    def _ask_on(
        self,
        ask: Callable[[float], str | None],
        connection: Any,
        place: float,
        pause: Callable[[], float] | None,
    ) -> None:
        began_s, is_served, correct = self.began_s, False, self.recorder.correct
        note_due, note_latency = correct.due.append, correct.latency.append
        start_s = monotonic()
        try:
            while start_s < self.stop_s:
                reason = ask(start_s)
                end_s = monotonic()
                if reason is None:
                    if connection.opened:
                        correct.note_opened(connection)
                    note_due(start_s - began_s)
                    note_latency(end_s - start_s)
                    if self.by_port is not None and self.start_s <= end_s < self.stop_s:
                        self.by_port[connection.port] = self.by_port.get(connection.port, 0) + 1
                else:
                    self.recorder.fault(start_s - began_s, end_s - start_s, reason, connection)
                    gevent.sleep(0)  # a refused connection comes back at once and would let nobody else run
                if not is_served and (reason is None or reason.startswith("status ")):
                    is_served = True
                    self._await_others(place, thinks=pause is not None)
                elif pause and is_served and not self._rest(pause()):
                    return
                start_s = monotonic()
        except gevent.GreenletExit:
            self.recorder.fault(start_s - began_s, monotonic() - start_s, "unfinished", connection)
            raise
