"""FastAPI on an ASGI server: `async def` handlers; what would block the event loop goes to AnyIO's threads.

Parameters are read by the code that all stacks share, so none are declared to FastAPI: work is compared, not validation.
stacks/README.md says what each path takes and answers.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException

from stacks.shared import crunch, effective, files, params, parser, relay
from stacks.shared.database import seeded_ids
from stacks.shared.database_async import Database
from stacks.shared.processes import Processes
from stacks.shared.settings import Settings
from stacks.shared.upstream import UpstreamError, delay_path, stream_path
from stacks.shared.upstream_async import Upstream

# As a return annotation it has FastAPI write the JSON with pydantic, its fastest way.
Answer = dict[str, Any]

settings = Settings.from_environment()
processes = Processes()
fixtures = files.Fixtures()
database = Database(settings.database_url, settings.db_pool)
upstream = Upstream(settings.upstream_url, settings.upstream_connections)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Open what the handlers share, close it when the server stops."""
    current_default_thread_limiter().total_tokens = settings.slots
    with processes, fixtures:
        async with database, upstream:
            yield


app = FastAPI(lifespan=lifespan, openapi_url=None, redirect_slashes=False)


@app.get("/health")
async def health() -> Answer:
    return {"status": "ok", "stack": settings.stack}


@app.get("/settings")
async def running_with() -> Answer:
    slots = int(current_default_thread_limiter().total_tokens)
    return effective.answer("fastapi", slots, database.connections, upstream.connections)


@app.get("/json")
async def hello() -> Answer:
    return {"message": "Hello, World!"}


@app.post("/parse/plain")
async def parse_plain(request: Request) -> Answer:
    return parser.answer(parser.text_of(parser.decode(await request.body())))


@app.post("/parse/coroutine")
async def parse_coroutine(request: Request) -> Answer:
    return parser.answer(await parser.text_of_coroutine(parser.decode(await request.body())))


@app.post("/parse/threadpool")
async def parse_threadpool(request: Request) -> Answer:
    return parser.answer(await run_in_threadpool(parser.text_of, parser.decode(await request.body())))


@app.get("/crunch/inline")
async def crunch_inline(request: Request) -> Answer:
    rounds = params.rounds(request.query_params)
    return crunch.answer(rounds, crunch.digest(rounds))


@app.get("/crunch/thread")
async def crunch_thread(request: Request) -> Answer:
    rounds = params.rounds(request.query_params)
    return crunch.answer(rounds, await run_in_threadpool(crunch.digest, rounds))


@app.get("/crunch/process")
async def crunch_process(request: Request) -> Answer:
    rounds = params.rounds(request.query_params)
    return crunch.answer(rounds, await asyncio.wrap_future(processes.submit(crunch.digest, rounds)))


@app.get("/db/one")
async def db_one(request: Request) -> Answer:
    ids = seeded_ids(params.seed(request.query_params), 1)
    return await database.sequential(ids, params.milliseconds(request.query_params, 0))


@app.get("/db/sequential")
async def db_sequential(request: Request) -> Answer:
    ids = seeded_ids(params.seed(request.query_params), params.count(request.query_params))
    return await database.sequential(ids, params.milliseconds(request.query_params, 0))


@app.get("/db/batched")
async def db_batched(request: Request) -> Answer:
    ids = seeded_ids(params.seed(request.query_params), params.count(request.query_params))
    return await database.batched(ids, params.milliseconds(request.query_params, 0))


@app.get("/http/one")
async def http_one(request: Request) -> Answer:
    return await upstream.sequential(upstream_path(request), 1)


@app.get("/http/sequential")
async def http_sequential(request: Request) -> Answer:
    return await upstream.sequential(upstream_path(request), params.count(request.query_params))


@app.get("/http/concurrent")
async def http_concurrent(request: Request) -> Answer:
    return await upstream.concurrent(upstream_path(request), params.count(request.query_params))


@app.get("/http/bounded")
async def http_bounded(request: Request) -> Answer:
    n, limit = params.count(request.query_params), params.limit(request.query_params)
    return await upstream.bounded(upstream_path(request), n, limit)


def upstream_path(request: Request) -> str:
    return delay_path(params.milliseconds(request.query_params, 20), params.capacity(request.query_params))


@app.get("/file/blocking")
async def file_blocking(request: Request) -> Answer:
    path, ms = fixtures.path(params.kilobytes(request.query_params)), params.milliseconds(request.query_params, 0)
    return files.answer(files.read(path, ms))


@app.get("/file/thread")
async def file_thread(request: Request) -> Answer:
    path, ms = fixtures.path(params.kilobytes(request.query_params)), params.milliseconds(request.query_params, 0)
    return files.answer(await run_in_threadpool(files.read, path, ms))


@app.get("/file/async")
async def file_async(request: Request) -> Answer:
    path, ms = fixtures.path(params.kilobytes(request.query_params)), params.milliseconds(request.query_params, 0)
    async with await anyio.open_file(path, "rb", opener=files.opener(ms)) as file:
        return files.answer(await file.read())


@app.get("/wait")
async def wait(request: Request) -> Answer:
    ms = params.milliseconds(request.query_params, 50)
    await asyncio.sleep(ms / 1000)
    return {"waited_ms": ms}


@app.get("/mixed")
async def mixed(request: Request) -> Answer:
    ms, rounds = params.milliseconds(request.query_params, 5), params.rounds(request.query_params)
    await asyncio.sleep(ms / 1000)
    return {"waited_ms": ms, **crunch.answer(rounds, crunch.digest(rounds))}


@app.get("/hazard/blocking-wait")
async def hazard_blocking_wait(request: Request) -> Answer:
    """Block on purpose, by a sleep in a coroutine: everything that shares its event loop waits too."""
    ms = params.milliseconds(request.query_params, 50)
    time.sleep(ms / 1000)
    return {"waited_ms": ms}


@app.get("/stream")
async def stream(request: Request) -> StreamingResponse:
    chunks, ms = params.chunks(request.query_params), params.milliseconds(request.query_params, 20)
    lines = await upstream.stream(stream_path(chunks, ms))
    # Runs when the client has gone, too; nothing else closes what was not read to its end.
    close = BackgroundTask(lines.aclose)
    return StreamingResponse(relay.events_async(lines), media_type=relay.MEDIA_TYPE, background=close)


@app.websocket("/ws")
async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(await websocket.receive_text())


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
