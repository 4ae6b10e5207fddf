"""Say how far a run is: a bar with the time left on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from lab.model.outcome import Failure, Sample
from lab.run.console import console as plain_console


class Reporter:
    """What a session tells while it runs: on standard error, so that standard output stays for answers."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or plain_console(stderr=True)
        self._output = console or plain_console()
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._bar.add_task("", total=0, left="")
        (self._task,) = self._bar.tasks
        self._began_s = self._expected_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._bar.stop()

    def step(self, text: str) -> None:
        """Say that something that takes a moment has begun."""
        self._console.print(Text(text), soft_wrap=True)

    def answer(self, lines: Iterable[str]) -> None:
        """Print what the run found on standard output."""
        for line in lines:
            self._output.print(line, soft_wrap=True)

    def begin(self, trials: int, expected_s: float) -> None:
        """Say that the measurement begins."""
        self._began_s, self._expected_s = time.monotonic(), expected_s
        self.step(f"Measuring: {trials} trials, about {_minutes(expected_s)}.")
        self.more(trials)
        self._bar.start()

    def more(self, trials: int) -> None:
        """Say that so many trials more than planned at first are to come."""
        self._bar.update(self._task.id, total=(self._task.total or 0) + trials)

    def block(self, number: int, of: int) -> None:
        """Say that a block begins; counted from 0."""
        text = f"block {number + 1} of {of}"
        if self._bar.disable:
            self.step(f"{text}, {self._left()} left")
        self._bar.update(self._task.id, description=text)

    def trial(self, outcome: Sample | Failure) -> None:
        """Say that a trial is over; a failure at once."""
        self._bar.update(self._task.id, advance=1)
        if isinstance(outcome, Failure):
            result = "invalid" if outcome.lab_fault else "failed"
            self.step(
                f"  {outcome.trial.stack} {outcome.trial.scenario} {outcome.trial.load}: {result}: {outcome.reason}"
            )
        self._bar.update(self._task.id, left=f"{self._left()} left")

    def _left(self) -> str:
        """Return the time left, from the trials so far; before the first, from the plan."""
        done, total = self._task.completed, self._task.total or 0
        if not done:
            return _minutes(self._expected_s)
        return _minutes((time.monotonic() - self._began_s) / done * (total - done))


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 100 else f"{seconds:.0f} s"
