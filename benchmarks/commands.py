"""Time the commands that start nothing: `.venv/bin/python -m benchmarks.commands` prints wall and CPU seconds.

The goal is 0.5 s of wall time each on a quiet machine; tests/test_quick_commands.py checks their imports.
The figure is the median of the runs after a first one, which compiles the modules.
"""

import os
import resource
import statistics
import subprocess
import sys
import time

RUNS = 7
COMMANDS = ("help", "stacks", "scenarios", "doctor", "nonsense", "bench --stacks=nonsense", "verify --stacks=nonsense")


def measured(words: str) -> tuple[float, float]:
    """Return wall and CPU seconds of one call, its children included."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, "-m", "lab", *words.split()], env=environment, capture_output=True, check=False)
    wall_s, after = time.monotonic() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure each command and print a line for it."""
    for words in COMMANDS:
        measured(words)
        walls_s, cpus_s = zip(*(measured(words) for _ in range(RUNS)), strict=True)
        print(f"{words:<25} wall {statistics.median(walls_s):.2f} s   CPU {statistics.median(cpus_s):.2f} s")


if __name__ == "__main__":
    main()
