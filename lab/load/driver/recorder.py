"""What the load loops write down, and what is made of it after the trial.

The loops only append: twelve bytes for a request. The rest waits till it is over.
"""

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.model.histogram import Histogram

CHUNK = 200_000
"""Requests looked at together, so that the digest needs little memory."""
CENSORED = frozenset({"timeout", "unfinished"})
"""Reasons that say a request took at least so long: open load counts it in the latency."""

Times = NDArray[np.float64]
Chunks = Iterator[tuple[Times, Times, Times]]
"""`due`, `latency` and `lag` of some requests after the other, in seconds."""


@dataclass
class Log:
    """Requests in the order in which they ended; seconds, `due` since the load began."""

    due: "array[Any]" = field(default_factory=lambda: array("d"))
    """Closed load: when it was sent; open load: when it should have been, as its place in the schedule."""
    latency: "array[float]" = field(default_factory=lambda: array("f"))
    """From `due` to the end."""
    lag: "array[float]" = field(default_factory=lambda: array("f"))
    """Open load: from `due` to the sending; empty in closed load."""
    opened: "array[Any]" = field(default_factory=lambda: array("I"))
    """Places in this log of the requests that opened a connection."""
    reopened: "array[Any]" = field(default_factory=lambda: array("I"))
    """Places of those among them whose kept connection the server had closed."""
    schedule: Times | None = None
    """Open load: all moments that were planned."""

    def note_opened(self, connection: Any) -> None:
        """Write down that the request that is noted next opened its connection, and clear the connection's marks."""
        self.opened.append(len(self.due))
        if connection.reopened:
            self.reopened.append(len(self.due))
        connection.opened = connection.reopened = False

    def chunks(self, places: "array[Any] | None" = None) -> Chunks:
        """Yield all requests a part at a time, or only those at these places."""
        columns = [np.frombuffer(column, column.typecode) for column in (self.due, self.latency, self.lag)]
        chosen = None if places is None else np.frombuffer(places, places.typecode)
        for first in range(0, len(self.due if chosen is None else chosen), CHUNK):
            part = slice(first, first + CHUNK)
            rows = part if chosen is None else chosen[part]
            due, latency, lag = (column[rows] if len(column) else column for column in columns)
            planned = due if self.schedule is None else self.schedule[due]
            yield planned.astype(float), latency.astype(float), lag.astype(float)


class Recorder:
    """One trial's requests."""

    def __init__(self) -> None:
        self.correct = Log()
        self.faulty = Log()
        self.dropped = array("d")
        """When requests were due that could not be sent."""
        self._reasons: dict[str, int] = {}
        self._codes = array("H")

    def follow(self, schedule: Times) -> None:
        """Open load: correct requests are noted by their place in this schedule, in half of a moment's bytes."""
        self.correct = Log(due=array("I"), schedule=schedule)

    def fault(self, due_s: float, latency_s: float, reason: str, connection: Any = None) -> None:
        """Write down a request that was not answered correctly, and whether it opened its connection."""
        if connection is not None and connection.opened:
            self.faulty.note_opened(connection)
        self.faulty.due.append(due_s)
        self.faulty.latency.append(latency_s)
        self._codes.append(self._reasons.setdefault(reason, len(self._reasons)))

    @property
    def reasons(self) -> list[str]:
        """Return the reason of each faulty request."""
        names = list(self._reasons)
        return [names[code] for code in self._codes]


class Digest:
    """The figures of a window that starts and ends so many seconds after an open or closed load began.

    The sample is the requests due in it; `completed` are the correct ones that ended in it, whenever they were due.
    Closed load: a user whose request of the warm-up is not answered starts no other, so what went wrong belongs to the
    sample where it reaches into the window; `starved` counts the requests that outlasted the whole window.
    """

    def __init__(self, recorder: Recorder, start_s: float, end_s: float, *, is_open: bool) -> None:
        self.start_s, self.end_s = start_s, end_s
        self.requests = 0
        self.starved = 0
        self.in_flight_s = 0.0
        self.errors: Counter[str] = Counter()
        self.latency, self.service, self.lag = Histogram(), Histogram(), Histogram()
        self.completed_per_second = np.zeros(ceil(end_s - start_s - 1e-9), dtype=int)
        self.completed_halves = np.zeros(2, dtype=int)
        self.is_open = is_open
        for chunk in recorder.correct.chunks():
            self._count_correct(*chunk)
        self._count_faulty(recorder)
        correct, faulty = recorder.correct, recorder.faulty
        self.connects = self._sampled(correct.chunks(correct.opened), faulty.chunks(faulty.opened))
        self.reconnects = self._sampled(correct.chunks(correct.reopened), faulty.chunks(faulty.reopened))
        self.dropped = int(np.count_nonzero(self._within(np.frombuffer(recorder.dropped))))
        self.requests += self.dropped
        schedule = recorder.correct.schedule
        self.scheduled = None if schedule is None else int(np.diff(np.searchsorted(schedule, (start_s, end_s)))[0])

    def _within(self, times: Times) -> NDArray[np.bool_]:
        return (self.start_s <= times) & (times < self.end_s)

    def _faulty_sample(self, due: Times, latency: Times) -> NDArray[np.bool_]:
        return self._within(due) if self.is_open else (due < self.end_s) & (due + latency >= self.start_s)

    def _count(self, sample: NDArray[np.bool_], due: Times, latency: Times) -> None:
        """Count requests, correct or not, and the time for which they were in flight in the window."""
        self.requests += int(np.count_nonzero(sample))
        ends = due + latency
        in_window_s = np.minimum(ends, self.end_s) - np.maximum(due, self.start_s)
        self.in_flight_s += float(np.maximum(in_window_s, 0).sum())
        if not self.is_open:
            self.starved += int(np.count_nonzero((due < self.start_s) & (ends >= self.end_s)))

    def _count_correct(self, due: Times, latency: Times, lag: Times) -> None:
        sample = self._within(due)
        self._count(sample, due, latency)
        self.latency.add(latency[sample])
        if self.is_open:
            self.lag.add(lag[sample])
            self.service.add((latency - lag)[sample])
        ends = due + latency
        self._count_completed(ends[self._within(ends)] - self.start_s)

    def _count_completed(self, ends: Times) -> None:
        last = len(self.completed_per_second) - 1
        seconds = np.minimum(ends.astype(int), last)
        self.completed_per_second += np.bincount(seconds, minlength=last + 1)
        second_half = int(np.count_nonzero(ends >= (self.end_s - self.start_s) / 2))
        self.completed_halves += (len(ends) - second_half, second_half)

    def _sampled(self, correct: Chunks, faulty: Chunks) -> int:
        """Return how many of these requests belong to the sample, by the rules that `requests` is counted by."""
        masks = [self._within(due) for due, _, _ in correct]
        masks += [self._faulty_sample(due, latency) for due, latency, _ in faulty]
        return sum(int(np.count_nonzero(mask)) for mask in masks)

    def _count_faulty(self, recorder: Recorder) -> None:
        reasons = np.array(recorder.reasons, dtype=object)
        for due, latency, _ in recorder.faulty.chunks():
            part, reasons = reasons[: len(due)], reasons[len(due) :]
            sample = self._faulty_sample(due, latency)
            self._count(sample, due, latency)
            self.errors.update(part[sample])
            if self.is_open:
                self.latency.add(latency[sample & np.isin(part, list(CENSORED))])
