"""Open load: requests are sent when a schedule drawn beforehand says so, however the server does.

Latency counts from the intended start, so a server that stalls cannot hide the requests it kept from being sent
(Tene: coordinated omission). Nothing is skipped: what finds no connection free is counted as dropped.
"""

from array import array
from time import monotonic
from typing import Any

import gevent
import numpy as np
from gevent import get_hub
from gevent.event import Event
from gevent.pool import Group
from numpy.typing import NDArray

from lab.load.driver.recorder import Recorder
from lab.load.driver.wakeups import Alarm


class Open:
    """One dispatcher, which is the trial's only Locust user, and a greenlet for each connection it has come to need."""

    users = 1
    all_served_s = None
    thinking_s = 0.0
    by_port: dict[int, int] | None = None
    lost = 0
    """A request that is lost is missing from the schedule's accounts, which the judge checks."""

    def __init__(
        self, recorder: Recorder, due_s: NDArray[np.float64], warmup_s: float, window_s: float, most_connections: int
    ) -> None:
        self.recorder = recorder
        self.due_s = array("d", due_s.tobytes())  # eight bytes for an arrival; a list of numbers has 32
        recorder.follow(np.frombuffer(self.due_s))
        self.warmup_s = warmup_s
        self.length_s = warmup_s + window_s
        self.most_connections = most_connections
        self.crashes: list[str] = []
        self.idle: list[_Sender] = []
        self.all: list[_Sender] = []
        self.dispatched = 0
        self.ending = False
        self.senders = Group()
        self._gate = Event()

    def settle(self, start_s: float) -> None:
        """Let the dispatcher begin; the window starts at `start_s`, and times are counted from the start of the warm-up."""
        self.began_s = start_s - self.warmup_s
        self._gate.set()

    def task(self, user: Any) -> None:
        """Do the work of the dispatcher, once: it lasts until all requests have ended."""
        self._gate.wait()
        try:
            self._dispatch_all(user)
            self.ending = True
            for sender in self.idle:
                sender.send(None)
            self.senders.join()
        finally:
            self.senders.kill()
            self._note_unsent()

    def take_due(self) -> int | None:
        """Return the next request of the schedule if it is due, and count it as dispatched."""
        if not self._is_due():
            return None
        self.dispatched += 1
        return self.dispatched - 1

    def _is_due(self) -> bool:
        next_ = self.dispatched
        return next_ < len(self.due_s) and monotonic() >= self.began_s + self.due_s[next_]

    def _dispatch_all(self, user: Any) -> None:
        alarm = Alarm()
        try:
            while self.dispatched < len(self.due_s):
                if (number := self.take_due()) is None:
                    alarm.wait_until(self.began_s + self.due_s[self.dispatched])
                    continue
                self._dispatch(user, number)
                if self._is_due():
                    gevent.sleep(0)  # late: those must run that are to send or to receive
            alarm.wait_until(self.began_s + self.length_s)  # the figures are not worked out inside the window
        finally:
            alarm.close()

    def _dispatch(self, user: Any, number: int) -> None:
        if self.idle:
            self.idle.pop().send(number)
        elif len(self.all) < self.most_connections:
            sender = _Sender(self, type(user)(user.environment))
            self.all.append(sender)
            sender.send(number)
        else:
            self.recorder.dropped.append(self.due_s[number])

    def _note_unsent(self) -> None:
        """Count as dropped the requests that were still waiting when the load ended."""
        waiting = [sender.number for sender in self.all if sender.number is not None]
        self.recorder.dropped.extend(self.due_s[number] for number in waiting)
        self.recorder.dropped.extend(self.due_s[self.dispatched :])


class _Sender:
    """A greenlet with a connection; it rests between requests. The one that rested shortest is taken first.

    It rests only where no request is due. After a pause of the server many answers come at once, and the dispatcher runs when all
    of them have been handled: requests that were due meanwhile would be late by milliseconds.
    """

    def __init__(self, load: Open, user: Any) -> None:
        self.load = load
        self.user = user
        self.number: int | None = None
        """Place in the schedule of the request that is to be sent and is not yet."""
        self._greenlet = load.senders.spawn(self._serve)
        self._started = False

    def send(self, number: int | None) -> None:
        """Have that request of the schedule sent as soon as the hub runs; None ends the greenlet."""
        self.number = number
        if self._started:
            get_hub().loop.run_callback(self._greenlet.switch)
        self._started = True

    def _serve(self) -> None:
        try:
            while (number := self.number) is not None:
                self.number = None
                is_right = self._ask(number)
                if self.load.ending:
                    break
                # What goes wrong may come back at once: nobody else would run while such requests are due.
                self.number = self.load.take_due() if is_right else None
                if self.number is None:
                    self.load.idle.append(self)
                    get_hub().switch()
        except Exception as error:
            self.load.crashes.append(f"{type(error).__name__}: {error}")
        finally:
            self.user.connection.close()

    def _ask(self, number: int) -> bool:
        """Send a request and write down what became of it; return whether the answer was right."""
        recorder, due_s, connection = self.load.recorder, self.load.due_s[number], self.user.connection
        moment_s = self.load.began_s + due_s
        start_s = monotonic()
        try:
            reason = self.user.ask(start_s)
        except gevent.GreenletExit:
            recorder.fault(due_s, monotonic() - moment_s, "unfinished", connection)
            raise
        latency_s = monotonic() - moment_s
        if reason is None:
            if connection.opened:
                recorder.correct.note_opened(connection)
            recorder.correct.due.append(number)
            recorder.correct.latency.append(latency_s)
            recorder.correct.lag.append(start_s - moment_s)
        else:
            recorder.fault(due_s, latency_s, reason, connection)
        return reason is None
