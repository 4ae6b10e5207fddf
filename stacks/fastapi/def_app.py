"""FastAPI with plain `def` handlers: each runs on one of AnyIO's threads; what it runs side by side goes to a pool.

Parameters are declared, and FastAPI refuses what is out of range. Bodies are read as in app.py.
Handlers give a response, the fastest way here: what they return as a value FastAPI would write on a second trip to a thread.
stacks/README.md says what each path takes and answers.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Annotated

from anyio.to_thread import current_default_thread_limiter
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException

from stacks.fastapi.declared import Capacity, Chunks, Count, Kilobytes, Limit, Milliseconds, Rounds, Seed
from stacks.shared import crunch, effective, files, parser, relay
from stacks.shared.database import seeded_ids
from stacks.shared.database_sync import Database
from stacks.shared.params import CAPACITY, CHUNKS, COUNT, DEFAULT_KILOBYTES, LIMIT, ROUNDS, SEED, BadRequestError
from stacks.shared.processes import Processes
from stacks.shared.settings import Settings
from stacks.shared.upstream import UpstreamError, delay_path, stream_path
from stacks.shared.upstream_sync import Upstream

settings = Settings.from_environment()
threads = ThreadPoolExecutor(settings.slots)
processes = Processes()
fixtures = files.Fixtures()
database = Database(settings.database_url, settings.db_pool)
upstream = Upstream(settings.upstream_url, settings.upstream_connections, threads)
stream_places = asyncio.Semaphore(settings.upstream_connections)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Open what the handlers share, close it when the server stops."""
    current_default_thread_limiter().total_tokens = settings.slots
    with threads, processes, fixtures, database, upstream:
        yield


app = FastAPI(lifespan=lifespan, openapi_url=None, redirect_slashes=False)


async def raw_body(request: Request) -> bytes:
    """Await the body in a dependency, as a plain handler cannot."""
    return await request.body()


Body = Annotated[bytes, Depends(raw_body)]


@app.get("/health")
def health() -> JSONResponse:
    return JSONResponse({"status": "ok", "stack": settings.stack})


@app.get("/settings")
async def running_with() -> JSONResponse:
    """Return the effective settings, on the event loop: the limit on threads belongs to it."""
    slots = int(current_default_thread_limiter().total_tokens)
    return JSONResponse(effective.answer("fastapi", slots, database.connections, upstream.connections))


@app.get("/json")
def hello() -> JSONResponse:
    return JSONResponse({"message": "Hello, World!"})


@app.post("/parse/plain")
def parse_plain(body: Body) -> JSONResponse:
    return JSONResponse(parser.answer(parser.text_of(parser.decode(body))))


@app.post("/parse/threadpool")
def parse_threadpool(body: Body) -> JSONResponse:
    return JSONResponse(parser.answer(threads.submit(parser.text_of, parser.decode(body)).result()))


@app.get("/crunch/inline")
def crunch_inline(rounds: Rounds = ROUNDS.default) -> JSONResponse:
    return JSONResponse(crunch.answer(rounds, crunch.digest(rounds)))


@app.get("/crunch/thread")
def crunch_thread(rounds: Rounds = ROUNDS.default) -> JSONResponse:
    return JSONResponse(crunch.answer(rounds, threads.submit(crunch.digest, rounds).result()))


@app.get("/crunch/process")
def crunch_process(rounds: Rounds = ROUNDS.default) -> JSONResponse:
    return JSONResponse(crunch.answer(rounds, processes.submit(crunch.digest, rounds).result()))


@app.get("/db/one")
def db_one(ms: Milliseconds = 0, seed: Seed = SEED.default) -> JSONResponse:
    return JSONResponse(database.sequential(seeded_ids(seed, 1), ms))


@app.get("/db/sequential")
def db_sequential(n: Count = COUNT.default, ms: Milliseconds = 0, seed: Seed = SEED.default) -> JSONResponse:
    return JSONResponse(database.sequential(seeded_ids(seed, n), ms))


@app.get("/db/batched")
def db_batched(n: Count = COUNT.default, ms: Milliseconds = 0, seed: Seed = SEED.default) -> JSONResponse:
    return JSONResponse(database.batched(seeded_ids(seed, n), ms))


@app.get("/http/one")
def http_one(ms: Milliseconds = 20, capacity: Capacity = CAPACITY.default) -> JSONResponse:
    return JSONResponse(upstream.sequential(delay_path(ms, capacity), 1))


@app.get("/http/sequential")
def http_sequential(
    n: Count = COUNT.default, ms: Milliseconds = 20, capacity: Capacity = CAPACITY.default
) -> JSONResponse:
    return JSONResponse(upstream.sequential(delay_path(ms, capacity), n))


@app.get("/http/concurrent")
def http_concurrent(
    n: Count = COUNT.default, ms: Milliseconds = 20, capacity: Capacity = CAPACITY.default
) -> JSONResponse:
    return JSONResponse(upstream.concurrent(delay_path(ms, capacity), n))


@app.get("/http/bounded")
def http_bounded(
    n: Count = COUNT.default,
    ms: Milliseconds = 20,
    limit: Limit = LIMIT.default,
    capacity: Capacity = CAPACITY.default,
) -> JSONResponse:
    return JSONResponse(upstream.bounded(delay_path(ms, capacity), n, limit))


@app.get("/file/blocking")
def file_blocking(kb: Kilobytes = DEFAULT_KILOBYTES, ms: Milliseconds = 0) -> JSONResponse:
    return JSONResponse(files.answer(files.read(fixtures.path(int(kb)), ms)))


@app.get("/file/thread")
def file_thread(kb: Kilobytes = DEFAULT_KILOBYTES, ms: Milliseconds = 0) -> JSONResponse:
    return JSONResponse(files.answer(threads.submit(files.read, fixtures.path(int(kb)), ms).result()))


@app.get("/wait")
def wait(ms: Milliseconds = 50) -> JSONResponse:
    time.sleep(ms / 1000)
    return JSONResponse({"waited_ms": ms})


@app.get("/mixed")
def mixed(ms: Milliseconds = 5, rounds: Rounds = ROUNDS.default) -> JSONResponse:
    time.sleep(ms / 1000)
    return JSONResponse({"waited_ms": ms, **crunch.answer(rounds, crunch.digest(rounds))})


async def stream_place() -> AsyncIterator[None]:
    """Wait for a connection on the event loop: a wait on a thread would keep the thread from streams."""
    async with stream_places:
        yield


@app.get("/stream", dependencies=[Depends(stream_place)])
def stream(chunks: Chunks = CHUNKS.default, ms: Milliseconds = 20) -> StreamingResponse:
    lines = upstream.stream(stream_path(chunks, ms))

    async def close() -> None:
        """Close when the client has gone: the garbage collector would be late, and a thread may not be free."""
        lines.close()

    background = BackgroundTask(close)
    return StreamingResponse(relay.events(lines), media_type=relay.MEDIA_TYPE, background=background)


@app.exception_handler(RequestValidationError)
async def bad_parameter(_: Request, error: RequestValidationError) -> JSONResponse:
    """Answer as FastAPI would, but with the contract's one sentence."""
    first = error.errors()[0]
    return JSONResponse({"error": f"{first['loc'][-1]}: {first['msg']}"}, 422)


@app.exception_handler(BadRequestError)
async def bad_request(_: Request, error: BadRequestError) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 422)


@app.exception_handler(UpstreamError)
async def bad_gateway(_: Request, error: UpstreamError) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 502)


@app.exception_handler(HTTPException)
async def http_error(_: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


@app.exception_handler(Exception)
async def internal_error(_: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"error": "Internal Server Error"}, 500)
