"""Say how far a run is: one live view on a terminal, plain lines elsewhere.

The view changes when a trial begins or ends, never inside a window: drawing takes CPU time of the generator's core.
"""

import sys
import time
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lab.model.outcome import Failure, Sample
from lab.model.workload import Trial
from lab.run.console import console as plain_console

PIPED = 160
"""Columns of a table that goes into a file or a pipe."""
_NEWEST = 6
"""So many trials are shown."""
_BAR = 36


class Reporter:
    """What a session tells while it runs: on standard error, so that standard output stays for answers."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or plain_console(stderr=True)
        self._output = console or plain_console(width=None if sys.stdout.isatty() else PIPED)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._began_s = self._expected_s = 0.0
        self._done = self._total = self._not_valid = 0
        self._block, self._now = "", ""
        self._newest = deque[Sample | Failure](maxlen=_NEWEST)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._live.stop()

    def step(self, text: str) -> None:
        """Say that something that takes a moment has begun."""
        self._console.print(Text(text), soft_wrap=True)

    def answer(self, lines: Iterable[RenderableType]) -> None:
        """Print what the run found on standard output."""
        self._live.stop()
        for line in lines:
            self._output.print(line)

    def begin(self, trials: int, expected_s: float) -> None:
        """Say that the measurement begins."""
        self._began_s, self._expected_s = time.monotonic(), expected_s
        self.step(f"Measuring: {trials} trials, about {_minutes(expected_s)}.")
        self.more(trials)
        if self._console.is_terminal:
            self._live.start()

    def more(self, trials: int) -> None:
        """Say that so many trials more than planned at first are to come."""
        self._total += trials

    def block(self, number: int, of: int) -> None:
        """Say that a block begins; counted from 0."""
        self._block, self._now = f"block {number + 1} of {of}", "starting the servers"
        if not self._console.is_terminal:
            self.step(f"{self._block}, {self._left()} left")
        self._draw()

    def running(self, trial: Trial) -> None:
        """Say that a trial begins."""
        self._now = f"{trial.stack}  {trial.scenario}  {trial.load}"
        self._draw()

    def trial(self, outcome: Sample | Failure) -> None:
        """Say that a trial is over; a failure at once."""
        self._done += 1
        self._newest.append(outcome)
        if isinstance(outcome, Failure):
            self._not_valid += 1
            result = "invalid" if outcome.lab_fault else "failed"
            self.step(
                f"  {outcome.trial.stack} {outcome.trial.scenario} {outcome.trial.load}: {result}: {outcome.reason}"
            )
        self._draw()

    def _draw(self) -> None:
        if self._live.is_started:
            self._live.update(self._view(), refresh=True)

    def _view(self) -> RenderableType:
        """Return what is running, how far the run is, and the newest trials."""
        bar = Table.grid(padding=(0, 2))
        without_numbers = f"{self._not_valid} without numbers" if self._not_valid else ""
        progress = ProgressBar(total=max(self._total, 1), completed=self._done, width=_BAR)
        bar.add_row(
            Text(self._block),
            progress,
            Text(f"{self._done}/{self._total}"),
            Text(f"{self._left()} left"),
            Text(without_numbers),
        )
        newest = Table.grid(padding=(0, 2))
        for name in ("stack", "scenario", "load"):
            newest.add_column(name)
        newest.add_column("requests/s", justify="right")
        newest.add_column("mean latency", justify="right")
        newest.add_row("", "", "", "requests/s", "mean latency", style="dim")
        for outcome in self._newest:
            newest.add_row(*map(Text, _told(outcome)))
        return Group(bar, Text(f"now  {self._now}", style="bold"), newest)

    def _left(self) -> str:
        """Return the time left, from the trials so far; before the first, from the plan."""
        if not self._done:
            return _minutes(self._expected_s)
        return _minutes((time.monotonic() - self._began_s) / self._done * (self._total - self._done))


def _told(outcome: Sample | Failure) -> tuple[str, ...]:
    """Return stack, scenario, load and what came out."""
    trial = outcome.trial
    where = (trial.stack, trial.scenario, str(trial.load))
    if isinstance(outcome, Failure):
        return (*where, "invalid" if outcome.lab_fault else "failed", "")
    driven = outcome.driven
    mean = f"{driven.in_flight_s / driven.completed * 1e3:.1f} ms" if driven.completed else ""
    errors = sum(driven.errors.values())
    return (*where, f"{driven.completed / driven.window_s:,.0f}", f"{errors} errors" if errors else mean)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 100 else f"{seconds:.0f} s"
