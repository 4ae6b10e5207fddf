"""Closed load: N users, each sends its next request when the last one is answered, without think time."""

from collections.abc import Callable
from time import monotonic
from typing import Any

import gevent
from gevent.event import Event

from lab.driver.recorder import Recorder


class Closed:
    """The loop that all users of a trial run.

    They wait until all are there, then begin spread evenly over the first half of the warm-up: a thousand connections
    in one instant would measure the server's backlog, and users in step would wait in step.
    """

    def __init__(self, recorder: Recorder, users: int, warmup_s: float, window_s: float) -> None:
        self.recorder = recorder
        self.users = users
        self.length_s = warmup_s + window_s
        self.spread_s = warmup_s / 2
        self.crashes: list[str] = []
        self.connections: list[Any] = []
        self._gate = Event()

    def begin(self, began_s: float) -> None:
        """Let the users begin; times are counted from `began_s`."""
        self.began_s = began_s
        self._gate.set()

    def task(self, user: Any) -> None:
        """What a user does, once."""
        offset_s = len(self.connections) / self.users * self.spread_s
        self.connections.append(user.connection)
        self._gate.wait()
        gevent.sleep(offset_s)
        self._ask_on(user.ask)

    def _ask_on(self, ask: Callable[[float], str | None]) -> None:
        began_s, stop_s = self.began_s, self.began_s + self.length_s
        note_due, note_latency = self.recorder.correct.due.append, self.recorder.correct.latency.append
        start_s = monotonic()
        try:
            while start_s < stop_s:
                reason = ask(start_s)
                end_s = monotonic()
                if reason is None:
                    note_due(start_s - began_s)
                    note_latency(end_s - start_s)
                else:
                    self.recorder.fault(start_s - began_s, end_s - start_s, reason)
                    gevent.sleep(0)  # a refused connection comes back at once and would let nobody else run
                start_s = monotonic()
        except gevent.GreenletExit:
            self.recorder.fault(start_s - began_s, monotonic() - start_s, "unfinished")
            raise
