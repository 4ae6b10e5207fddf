"""Keeps CPUs from going idle with a process that yields to everybody: `python -m lab.calibrate.awake <parent's pid>`.

A virtual CPU that has gone idle takes time to wake, and is where the kernel puts its own work, which nobody
interrupts. Both would be read as latency of a server whose latency is known. Benchmarkers turn idle
states off for the same reason (`idle=poll`); this needs no rights and ends with the calibration.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager

from lab.calibrate.known_servers import pinned
from lab.paths import ROOT

YIELDING = 19
"""The nice value: a program of the usual one has 98.5 % of the CPU beside it, and is let in when it wakes."""
LOOK_EVERY = 100_000
"""Rounds of the loop after which it looks whether its parent is still there (some milliseconds)."""


@contextmanager
def kept_awake(cpus: Collection[int]) -> Iterator[None]:
    """One such process on each of these CPUs while the block runs."""
    words = [sys.executable, "-m", "lab.calibrate.awake", str(os.getpid())]
    with ExitStack() as running:
        for cpu in cpus:
            running.callback(_end, subprocess.Popen([*pinned([cpu]), *words], cwd=ROOT))
        yield


def _end(spinner: "subprocess.Popen[bytes]") -> None:
    spinner.terminate()
    spinner.wait()


def main(parent: int) -> None:
    """Spin until the parent is gone, so that nothing is left of a calibration that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the calibration ends us
    os.nice(YIELDING)
    while os.getppid() == parent:
        for _ in range(LOOK_EVERY):
            pass


if __name__ == "__main__":
    main(int(sys.argv[1]))
