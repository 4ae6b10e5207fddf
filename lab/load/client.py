"""The session's side of the driver: start it, give it trials, never wait for it longer than a trial can take."""

import os
import selectors
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from time import monotonic
from typing import Self

from pydantic import ValidationError

from lab.errors import LabError
from lab.load.protocol import REPLY, Began, Done, Failed, Order
from lab.model.outcome import Driven
from lab.paths import ROOT

SLACK_S = 10.0
"""What a trial may take beyond warm-up, window and timeout before the driver counts as silent."""


class _Broken(Exception):  # noqa: N818
    """The driver did not do what it should; says what it did."""


class DriverError(LabError):
    """The driver failed, not the stack."""


class Driver:
    """The driver process while the `with` block lasts; one that died or fell silent is started again for the next trial.

    `log` gets what it has to say; `cpus` are the cores it may use, all where None.
    """

    def __init__(self, log: Path, cpus: Collection[int] | None = None) -> None:
        self._log = log
        self._cpus = cpus

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Return the id of the process; it is another one after a DriverError of `run`."""
        return self._process.pid

    def run(self, order: Order, on_began: Callable[[float, float], None]) -> Driven | Failed:
        """Drive one trial; Failed where the stack gave nothing to measure.

        `on_began` is called before the window, with the planned start and end of the window (CLOCK_MONOTONIC).

        Raises:
            DriverError: the driver itself failed; where it is gone, another one has been started for the next trial.
        """
        try:
            return self._converse(order, on_began)
        except _Broken as broken:
            self._restart()
            raise DriverError(f"The driver {broken}; its last words are in {self._log}.") from None
        except DriverError:
            raise
        except BaseException:
            self._restart()  # what it still answers to this order must not be taken for an answer to the next
            raise

    def _restart(self) -> None:
        self.stop()
        self._start()

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._orders.close()
        self._replies.close()

    def _start(self) -> None:
        self._rest = b""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lab.load.driver"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
            )
        assert self._process.stdin  # noqa: S101  # for the type checker
        assert self._process.stdout  # noqa: S101
        self._orders, self._replies = self._process.stdin, self._process.stdout
        if self._cpus is not None:
            os.sched_setaffinity(self._process.pid, self._cpus)  # at once: threads to come inherit it

    def _converse(self, order: Order, on_began: Callable[[float, float], None]) -> Driven | Failed:
        deadline_s = monotonic() + order.least_warmup_s + order.window_s + 3 * order.timeout_s + SLACK_S
        try:
            self._orders.write(order.model_dump_json().encode() + b"\n")
        except BrokenPipeError:
            raise _Broken("had died") from None
        while True:
            match self._reply(deadline_s):
                case Began(window_start_s=start_s, window_end_s=end_s):
                    on_began(start_s, end_s)
                case Done(driven=driven):
                    return driven
                case Failed(lab_fault=False) as failed:
                    return failed
                case Failed(reason=reason):
                    raise DriverError(reason)

    def _reply(self, deadline_s: float) -> Began | Done | Failed:
        line = self._line(deadline_s)
        try:
            return REPLY.validate_json(line)
        except ValidationError:
            raise _Broken(f"answered {line[:80]!r}, which is no reply") from None

    def _line(self, deadline_s: float) -> bytes:
        """Return the next line that the driver writes before `deadline_s` (CLOCK_MONOTONIC)."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._replies, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                if not selector.select(max(deadline_s - monotonic(), 0)):
                    raise _Broken("said nothing for too long")
                part = os.read(self._replies.fileno(), 65536)
                if not part:
                    raise _Broken("died")
                self._rest += part
        line, self._rest = self._rest.split(b"\n", 1)
        return line
