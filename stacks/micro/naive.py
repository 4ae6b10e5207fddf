"""The naive benchmark: many calls of a function, timed once with the wall clock, then as many of a coroutine.

It prints the seconds of both as JSON, for each of several fresh processes.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time

from stacks.micro.letters import letters, letters_coroutine


async def _awaited(calls: int) -> None:
    for _ in range(calls):
        await letters_coroutine()


def measure(calls: int) -> dict[str, float]:
    """Return the seconds of `calls` calls, and of as many awaits inside one `asyncio.run`."""
    began_s = time.time()
    for _ in range(calls):
        letters()
    between_s = time.time()
    asyncio.run(_awaited(calls))
    return {"function_s": between_s - began_s, "coroutine_s": time.time() - between_s}


def _in_a_fresh_process(calls: int) -> dict[str, float]:
    words = [sys.executable, "-m", "stacks.micro.naive", f"--calls={calls}"]
    found: list[dict[str, float]] = json.loads(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)
    return found[0]


def main() -> None:
    """Measure in this process, or in fresh ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=0, help="so many fresh processes instead of this one")
    given = parser.parse_args()
    fresh = [_in_a_fresh_process(given.calls) for _ in range(given.processes)]
    print(json.dumps(fresh or [measure(given.calls)]))  # noqa: T201  # the answer


if __name__ == "__main__":
    main()
