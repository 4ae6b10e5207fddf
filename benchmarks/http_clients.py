"""Measure the CPU time of one HTTP call for its caller, by client and by the number of calls in flight.

    python -m benchmarks.http_clients            measure (five minutes), keep every figure, write the table
    python -m benchmarks.http_clients --table    write the table again from the kept figures

Each cell is a process of its own, bound to one core, that asks `upstream` (on another core) for an answer after 20 ms,
N calls at once, repeatedly. It has a pool of 100 connections, as stacks have; synchronous clients run on 40 threads.
A client whose cost grows with the calls in flight is rejected: the fan-out scenarios would measure the client.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.clients import ADDRESS, ASYNC, SYNC
from lab.paths import ROOT

FIGURES = ROOT / "results" / "reference" / "http-clients.json"
DOCUMENT = ROOT / "docs" / "http-clients.md"
MARK = "<!-- table -->\n"
"""Stands before and after the table in DOCUMENT."""
THREADS = 40
IN_FLIGHT = (10, 100, 600)
WINDOW_S = 3.0
REPEATS = 3
MOST_GROWTH = 1.5
"""Cost of a call with many in flight over its cost with few; more shows a queue."""


def measure(kind: str, client: str, in_flight: int) -> float:
    """Return the CPU time of one call in microseconds, of all threads of this process together."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if kind == "async":
        return asyncio.run(_measure_async(client, in_flight))
    with SYNC[client]() as call, ThreadPoolExecutor(THREADS) as threads:

        def burst() -> None:
            for future in [threads.submit(call) for _ in range(in_flight)]:
                future.result()

        burst()
        cpu_s, start, calls = time.process_time(), time.monotonic(), 0
        while time.monotonic() - start < WINDOW_S:
            burst()
            calls += in_flight
        return (time.process_time() - cpu_s) / calls * 1e6


async def _measure_async(client: str, in_flight: int) -> float:
    async with ASYNC[client]() as call:
        await asyncio.gather(*(call() for _ in range(in_flight)))
        cpu_s, start, calls = time.process_time(), time.monotonic(), 0
        while time.monotonic() - start < WINDOW_S:
            await asyncio.gather(*(call() for _ in range(in_flight)))
            calls += in_flight
        return (time.process_time() - cpu_s) / calls * 1e6


def figures() -> dict[str, Any]:
    """Return the CPU µs of a call of every installed client, for each number in flight, REPEATS times."""
    rows = []
    spawn = multiprocessing.get_context("spawn")
    for kind, client in [("async", client) for client in ASYNC] + [("sync", client) for client in SYNC]:
        try:
            row: dict[str, Any] = {"kind": kind, "client": client, "version": version(client), "cpu_us": {}}
        except PackageNotFoundError:
            continue
        for in_flight in IN_FLIGHT:
            with spawn.Pool(1, maxtasksperchild=1) as fresh:
                row["cpu_us"][str(in_flight)] = [
                    fresh.apply(measure, (kind, client, in_flight)) for _ in range(REPEATS)
                ]
        print(row, flush=True)
        rows.append(row)
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
        "python": sys.version.split()[0],
        "cpus": os.cpu_count(),
        "rows": rows,
    }


def table(seen: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the document's table: medians of the repeats."""
    yield f"Measured {seen['measured']}, Python {seen['python']}, {seen['cpus']} CPUs; medians of {REPEATS}."
    yield ""
    yield "| kind | client | CPU µs a call, 10 in flight | 100 in flight | 600 in flight | growth | |"
    yield "| --- | --- | --: | --: | --: | --: | --- |"
    for row in seen["rows"]:
        costs = [statistics.median(row["cpu_us"][str(in_flight)]) for in_flight in IN_FLIGHT]
        growth = max(costs[1:]) / costs[0]
        words = [row["kind"], f"{row['client']} {row['version']}", *(f"{cost:,.0f}" for cost in costs)]
        yield f"| {' | '.join(words)} | {growth:.1f} | {'rejected' if growth > MOST_GROWTH else ''} |"


def written(document: str, seen: dict[str, Any]) -> str:
    """Return the document with the table of these figures."""
    before, _, after = document.split(MARK)
    return MARK.join((before, "\n".join(table(seen)) + "\n", after))


@contextmanager
def upstream() -> Iterator[None]:
    """Run `upstream` on the last core inside the block."""
    host, port = ADDRESS.split(":")
    command = ["uvicorn", "--host", host, "--port", port, "--loop=uvloop", "--http=httptools"]
    command += ["--backlog=4096", "--timeout-keep-alive=75", "--log-level=warning", "services.upstream.app:app"]
    last_core = {max(os.sched_getaffinity(0))}
    server = subprocess.Popen([sys.executable, "-m", *command], preexec_fn=lambda: os.sched_setaffinity(0, last_core))
    try:
        while not _answers():
            if server.poll() is not None:
                raise SystemExit(f"upstream ended with status {server.returncode}; is {ADDRESS} in use?")
        yield
    finally:
        server.terminate()
        server.wait()


def _answers() -> bool:
    connection = HTTPConnection(ADDRESS, timeout=1)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        time.sleep(0.02)
        return False
    finally:
        connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="measure nothing, write the table from the figures kept")
    if not parser.parse_args().table:
        with upstream():
            FIGURES.write_text(json.dumps(figures(), indent=1) + "\n")
    DOCUMENT.write_text(written(DOCUMENT.read_text(), json.loads(FIGURES.read_text())))


if __name__ == "__main__":
    main()
