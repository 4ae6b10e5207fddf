"""The HTTP clients that benchmarks/http_clients.py compares. Each gives a function that makes one call and reads its JSON."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager

ADDRESS = "127.0.0.1:8292"
URL = f"http://{ADDRESS}/delay?ms=20"
CONNECTIONS = 100

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
