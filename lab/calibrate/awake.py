"""Keep CPUs from going idle with a process that yields to every other: `python -m lab.calibrate.awake <parent's pid>`.

A virtual CPU that has gone idle takes time to wake. The kernel also puts its own work there, which nothing may interrupt.
Both would count as latency of a server whose latency is known. Benchmarks turn idle states off for the same reason
(`idle=poll`). This process needs no rights and ends with the calibration.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager

from lab.host.machine import running_on
from lab.paths import ROOT

YIELDING = 19
"""Nice value. A program of the usual value has 98.5 % of the CPU beside it, and is scheduled when it wakes."""
LOOK_EVERY = 100_000
"""Rounds of the loop between two checks that the parent still runs (some milliseconds)."""


@contextmanager
def kept_awake(cpus: Collection[int]) -> Iterator[None]:
    """Run one such process on each of these CPUs inside the block."""
    words = [sys.executable, "-m", "lab.calibrate.awake", str(os.getpid())]
    with ExitStack() as running:
        for cpu in cpus:
            with running_on([cpu]):
                spinner = running.enter_context(subprocess.Popen(words, cwd=ROOT))  # is waited for at the end
            running.callback(spinner.terminate)
        yield


def main(parent: int) -> None:
    """Spin until the parent is gone, so that a killed calibration leaves no process behind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the calibration ends us
    os.nice(YIELDING)
    while os.getppid() == parent:
        for _ in range(LOOK_EVERY):
            pass


if __name__ == "__main__":
    main(int(sys.argv[1]))
