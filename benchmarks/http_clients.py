"""What one HTTP call costs its caller in CPU time, by client and by the number of calls in flight.

    python -m benchmarks.http_clients [--write docs/http-clients.md]

Each cell is a process of its own, bound to one core, that asks `upstream` (on another core) for an answer after 20 ms:
N calls at once, again and again. A pool of 100 connections, as stacks have it; synchronous clients run on 40 threads.
A client whose cost grows with the calls in flight would be what the fan-out scenarios measure: it is rejected.
"""

import argparse
import asyncio
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from datetime import UTC, datetime
from http.client import HTTPConnection
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ADDRESS = "127.0.0.1:8292"
URL = f"http://{ADDRESS}/delay?ms=20"
CONNECTIONS = 100
THREADS = 40
IN_FLIGHT = (10, 100, 600)
WINDOW_S = 3.0
REPEATS = 3
MOST_GROWTH = 1.5
"""Cost of a call with many in flight over its cost with few; more is a queue that is paid for."""
TABLE = "<!-- table -->\n"
"""Stands before and after the table in the file that --write takes."""

AsyncCall = Callable[[], Awaitable[object]]
Call = Callable[[], object]


@asynccontextmanager
async def aiohttp_async() -> AsyncIterator[AsyncCall]:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:

        async def call() -> object:
            async with session.get(URL) as response:
                return await response.json()

        yield call


@asynccontextmanager
async def httpx_async() -> AsyncIterator[AsyncCall]:
    import httpx

    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:

        async def call() -> object:
            return (await client.get(URL)).json()

        yield call


@asynccontextmanager
async def httpx2_async() -> AsyncIterator[AsyncCall]:
    import httpx2

    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx2.AsyncClient(limits=limits, timeout=60) as client:

        async def call() -> object:
            return (await client.get(URL)).json()

        yield call


@asynccontextmanager
async def pyreqwest_async() -> AsyncIterator[AsyncCall]:
    from pyreqwest.client import ClientBuilder

    async with ClientBuilder().max_connections(CONNECTIONS).build() as client:

        async def call() -> object:
            response = await client.get(URL).build().send()
            return await response.json()

        yield call


@asynccontextmanager
async def niquests_async() -> AsyncIterator[AsyncCall]:
    import niquests  # type: ignore[import-not-found]  # it cannot share an environment with urllib3

    async with niquests.AsyncSession(pool_connections=1, pool_maxsize=CONNECTIONS) as session:

        async def call() -> object:
            return (await session.get(URL)).json()

        yield call


@contextmanager
def urllib3_sync() -> Iterator[Call]:
    import urllib3

    with urllib3.PoolManager(maxsize=CONNECTIONS, block=True) as pool:
        yield lambda: pool.request("GET", URL).json()


@contextmanager
def requests_sync() -> Iterator[Call]:
    import requests
    from requests.adapters import HTTPAdapter

    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(pool_maxsize=CONNECTIONS, pool_block=True))
        yield lambda: session.get(URL).json()


@contextmanager
def httpx_sync() -> Iterator[Call]:
    import httpx

    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    with httpx.Client(limits=limits, timeout=60) as client:
        yield lambda: client.get(URL).json()


@contextmanager
def httpx2_sync() -> Iterator[Call]:
    import httpx2

    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    with httpx2.Client(limits=limits, timeout=60) as client:
        yield lambda: client.get(URL).json()


@contextmanager
def pyreqwest_sync() -> Iterator[Call]:
    from pyreqwest.client import SyncClientBuilder

    with SyncClientBuilder().max_connections(CONNECTIONS).build() as client:
        yield lambda: client.get(URL).build().send().json()


@contextmanager
def niquests_sync() -> Iterator[Call]:
    import niquests

    with niquests.Session(pool_connections=1, pool_maxsize=CONNECTIONS) as session:
        yield lambda: session.get(URL).json()


ASYNC: dict[str, Callable[[], AbstractAsyncContextManager[AsyncCall]]] = {
    "aiohttp": aiohttp_async,
    "httpx": httpx_async,
    "httpx2": httpx2_async,
    "niquests": niquests_async,
    "pyreqwest": pyreqwest_async,
}
SYNC: dict[str, Callable[[], AbstractContextManager[Call]]] = {
    "urllib3": urllib3_sync,
    "requests": requests_sync,
    "httpx": httpx_sync,
    "httpx2": httpx2_sync,
    "niquests": niquests_sync,
    "pyreqwest": pyreqwest_sync,
}


def measure(kind: str, client: str, in_flight: int) -> float:
    """CPU time of one call in microseconds, all threads of this process together."""
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


def row(kind: str, client: str) -> str | None:
    """One line of the table (medians), None where the client is not installed."""
    try:
        words = [kind, f"{client} {version(client)}"]
    except PackageNotFoundError:
        return None
    spawn = multiprocessing.get_context("spawn")
    costs = []
    for in_flight in IN_FLIGHT:
        with spawn.Pool(1, maxtasksperchild=1) as fresh:
            costs.append(statistics.median(fresh.apply(measure, (kind, client, in_flight)) for _ in range(REPEATS)))
    growth = max(costs[1:]) / costs[0]
    words += [f"{cost:,.0f}" for cost in costs]
    words += [f"{growth:.1f}", "rejected" if growth > MOST_GROWTH else ""]
    return f"| {' | '.join(words)} |"


def table() -> Iterator[str]:
    """The table, line by line as it is measured."""
    yield "| kind | client | CPU µs a call, 10 in flight | 100 in flight | 600 in flight | growth | |"
    yield "| --- | --- | --: | --: | --: | --: | --- |"
    for kind, clients in (("async", ASYNC), ("sync", SYNC)):
        for client in clients:
            if line := row(kind, client):
                yield line


@contextmanager
def upstream() -> Iterator[None]:
    """`upstream` on the last core, from ready to stopped."""
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
    parser.add_argument("--write", type=Path, help="put the table in place of the one in this file")
    file = parser.parse_args().write
    lines = [f"Measured {datetime.now(UTC):%Y-%m-%d}, Python {sys.version.split()[0]}, {os.cpu_count()} cores.", ""]
    with upstream():
        for line in table():
            print(line, flush=True)
            lines.append(line)
    if file:
        before, _, after = file.read_text().split(TABLE)
        file.write_text(TABLE.join((before, "\n".join(lines) + "\n", after)))


if __name__ == "__main__":
    main()
