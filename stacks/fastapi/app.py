"""FastAPI on an ASGI server: `async def` handlers; what would block the event loop goes to AnyIO's threads.

Parameters are declared, and FastAPI refuses what is out of range. Bodies are read by the code that all stacks share: FastAPI's own
reading takes UTF-16 and NaN, which the contract refuses, and a model would refuse parts that the contract skips.
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
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException

from stacks.fastapi.declared import Capacity, Chunks, Count, Kilobytes, Limit, Milliseconds, Rounds, Seed
from stacks.shared import crunch, effective, files, parser, relay
from stacks.shared.database import seeded_ids
from stacks.shared.database_async import Database
from stacks.shared.params import CAPACITY, CHUNKS, COUNT, DEFAULT_KILOBYTES, LIMIT, ROUNDS, SEED, BadRequestError
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
async def crunch_inline(rounds: Rounds = ROUNDS.default) -> Answer:
    return crunch.answer(rounds, crunch.digest(rounds))


@app.get("/crunch/thread")
async def crunch_thread(rounds: Rounds = ROUNDS.default) -> Answer:
    return crunch.answer(rounds, await run_in_threadpool(crunch.digest, rounds))


@app.get("/crunch/process")
async def crunch_process(rounds: Rounds = ROUNDS.default) -> Answer:
    return crunch.answer(rounds, await asyncio.wrap_future(processes.submit(crunch.digest, rounds)))


@app.get("/db/one")
async def db_one(ms: Milliseconds = 0, seed: Seed = SEED.default) -> Answer:
    return await database.sequential(seeded_ids(seed, 1), ms)


@app.get("/db/sequential")
async def db_sequential(n: Count = COUNT.default, ms: Milliseconds = 0, seed: Seed = SEED.default) -> Answer:
    return await database.sequential(seeded_ids(seed, n), ms)


@app.get("/db/batched")
async def db_batched(n: Count = COUNT.default, ms: Milliseconds = 0, seed: Seed = SEED.default) -> Answer:
    return await database.batched(seeded_ids(seed, n), ms)


@app.get("/http/one")
async def http_one(ms: Milliseconds = 20, capacity: Capacity = CAPACITY.default) -> Answer:
    return await upstream.sequential(delay_path(ms, capacity), 1)


@app.get("/http/sequential")
async def http_sequential(
    n: Count = COUNT.default, ms: Milliseconds = 20, capacity: Capacity = CAPACITY.default
) -> Answer:
    return await upstream.sequential(delay_path(ms, capacity), n)


@app.get("/http/concurrent")
async def http_concurrent(
    n: Count = COUNT.default, ms: Milliseconds = 20, capacity: Capacity = CAPACITY.default
) -> Answer:
    return await upstream.concurrent(delay_path(ms, capacity), n)


@app.get("/http/bounded")
async def http_bounded(
    n: Count = COUNT.default,
    ms: Milliseconds = 20,
    limit: Limit = LIMIT.default,
    capacity: Capacity = CAPACITY.default,
) -> Answer:
    return await upstream.bounded(delay_path(ms, capacity), n, limit)


@app.get("/file/blocking")
async def file_blocking(kb: Kilobytes = DEFAULT_KILOBYTES, ms: Milliseconds = 0) -> Answer:
    return files.answer(files.read(fixtures.path(int(kb)), ms))


@app.get("/file/thread")
async def file_thread(kb: Kilobytes = DEFAULT_KILOBYTES, ms: Milliseconds = 0) -> Answer:
    return files.answer(await run_in_threadpool(files.read, fixtures.path(int(kb)), ms))


@app.get("/file/async")
async def file_async(kb: Kilobytes = DEFAULT_KILOBYTES, ms: Milliseconds = 0) -> Answer:
    async with await anyio.open_file(fixtures.path(int(kb)), "rb", opener=files.opener(ms)) as file:
        return files.answer(await file.read())


@app.get("/wait")
async def wait(ms: Milliseconds = 50) -> Answer:
    await asyncio.sleep(ms / 1000)
    return {"waited_ms": ms}


@app.get("/mixed")
async def mixed(ms: Milliseconds = 5, rounds: Rounds = ROUNDS.default) -> Answer:
    await asyncio.sleep(ms / 1000)
    return {"waited_ms": ms, **crunch.answer(rounds, crunch.digest(rounds))}


@app.get("/hazard/blocking-wait")
async def hazard_blocking_wait(ms: Milliseconds = 50) -> Answer:
    """Block on purpose, by a sleep in a coroutine: everything that shares its event loop waits too."""
    time.sleep(ms / 1000)
    return {"waited_ms": ms}


@app.get("/stream")
async def stream(chunks: Chunks = CHUNKS.default, ms: Milliseconds = 20) -> StreamingResponse:
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
