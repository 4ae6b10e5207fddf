"""Measure the CPU time of one look at the processes of a server: `.venv/bin/python -m benchmarks.looks` prints the median.

The lab looks at the serving processes several times a second. The goal is 1 ms of the generator's core for a server of 40 threads on a quiet machine.
"""

import statistics
import subprocess
import sys
import time

from lab.host.replaced import Turnover
from lab.model.stack import Target

LOOKS = 200
SERVER = "import threading\nfor _ in range(40): threading.Thread(target=input).start()\nprint(flush=True)"


def main() -> None:
    """Look at a process of 40 threads and print the median CPU time in milliseconds."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdout:
            process.stdout.readline()
        turnover = Turnover(Target(pid=process.pid, contained=False))
        costs_s = []
        for _ in range(LOOKS):
            began_s = time.thread_time()
            turnover.look()
            costs_s.append(time.thread_time() - began_s)
        process.kill()
    print(f"{statistics.median(costs_s) * 1000:.2f} ms")


if __name__ == "__main__":
    main()
