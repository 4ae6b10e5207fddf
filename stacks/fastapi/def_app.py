"""FastAPI with plain `def` handlers: each runs on one of AnyIO's threads; what it runs side by side goes to a pool.

Parameters are read by the code that all stacks share, so none are declared to FastAPI: work is compared, not validation.
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
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException

from stacks.shared import crunch, effective, files, params, parser, relay
from stacks.shared.database import seeded_ids
from stacks.shared.database_sync import Database
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
def crunch_inline(request: Request) -> JSONResponse:
    rounds = params.rounds(request.query_params)
    return JSONResponse(crunch.answer(rounds, crunch.digest(rounds)))


@app.get("/crunch/thread")
def crunch_thread(request: Request) -> JSONResponse:
    rounds = params.rounds(request.query_params)
    return JSONResponse(crunch.answer(rounds, threads.submit(crunch.digest, rounds).result()))


@app.get("/crunch/process")
def crunch_process(request: Request) -> JSONResponse:
    rounds = params.rounds(request.query_params)
    return JSONResponse(crunch.answer(rounds, processes.submit(crunch.digest, rounds).result()))


@app.get("/db/one")
def db_one(request: Request) -> JSONResponse:
    ids = seeded_ids(params.seed(request.query_params), 1)
    return JSONResponse(database.sequential(ids, params.milliseconds(request.query_params, 0)))


@app.get("/db/sequential")
def db_sequential(request: Request) -> JSONResponse:
    ids = seeded_ids(params.seed(request.query_params), params.count(request.query_params))
    return JSONResponse(database.sequential(ids, params.milliseconds(request.query_params, 0)))


@app.get("/db/batched")
def db_batched(request: Request) -> JSONResponse:
    ids = seeded_ids(params.seed(request.query_params), params.count(request.query_params))
    return JSONResponse(database.batched(ids, params.milliseconds(request.query_params, 0)))


@app.get("/http/one")
def http_one(request: Request) -> JSONResponse:
    return JSONResponse(upstream.sequential(upstream_path(request), 1))


@app.get("/http/sequential")
def http_sequential(request: Request) -> JSONResponse:
    return JSONResponse(upstream.sequential(upstream_path(request), params.count(request.query_params)))


@app.get("/http/concurrent")
def http_concurrent(request: Request) -> JSONResponse:
    return JSONResponse(upstream.concurrent(upstream_path(request), params.count(request.query_params)))


@app.get("/http/bounded")
def http_bounded(request: Request) -> JSONResponse:
    n, limit = params.count(request.query_params), params.limit(request.query_params)
    return JSONResponse(upstream.bounded(upstream_path(request), n, limit))


def upstream_path(request: Request) -> str:
    return delay_path(params.milliseconds(request.query_params, 20), params.capacity(request.query_params))


@app.get("/file/blocking")
def file_blocking(request: Request) -> JSONResponse:
    path, ms = fixtures.path(params.kilobytes(request.query_params)), params.milliseconds(request.query_params, 0)
    return JSONResponse(files.answer(files.read(path, ms)))


@app.get("/file/thread")
def file_thread(request: Request) -> JSONResponse:
    path, ms = fixtures.path(params.kilobytes(request.query_params)), params.milliseconds(request.query_params, 0)
    return JSONResponse(files.answer(threads.submit(files.read, path, ms).result()))


@app.get("/wait")
def wait(request: Request) -> JSONResponse:
    ms = params.milliseconds(request.query_params, 50)
    time.sleep(ms / 1000)
    return JSONResponse({"waited_ms": ms})


@app.get("/mixed")
def mixed(request: Request) -> JSONResponse:
    ms, rounds = params.milliseconds(request.query_params, 5), params.rounds(request.query_params)
    time.sleep(ms / 1000)
    return JSONResponse({"waited_ms": ms, **crunch.answer(rounds, crunch.digest(rounds))})


async def stream_place() -> AsyncIterator[None]:
    """Wait for a connection on the event loop: a wait on a thread would keep the thread from streams."""
    async with stream_places:
        yield


@app.get("/stream", dependencies=[Depends(stream_place)])
def stream(request: Request) -> StreamingResponse:
    chunks, ms = params.chunks(request.query_params), params.milliseconds(request.query_params, 20)
    lines = upstream.stream(stream_path(chunks, ms))

    async def close() -> None:
        """Close when the client has gone: the garbage collector would be late, and a thread may not be free."""
        lines.close()

    background = BackgroundTask(close)
    return StreamingResponse(relay.events(lines), media_type=relay.MEDIA_TYPE, background=background)


@app.exception_handler(params.BadRequestError)
async def bad_request(_: Request, error: params.BadRequestError) -> JSONResponse:
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
