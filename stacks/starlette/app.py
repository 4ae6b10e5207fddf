"""Starlette on an ASGI server: what FastAPI is built on, without FastAPI's own layer.

stacks/README.md says what each path takes and answers.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.to_thread import current_default_thread_limiter
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from stacks.shared import crunch, effective, files, params, parser, relay
from stacks.shared.database import seeded_ids
from stacks.shared.database_async import Database
from stacks.shared.processes import Processes
from stacks.shared.settings import Settings
from stacks.shared.upstream import UpstreamError, delay_path, stream_path
from stacks.shared.upstream_async import Upstream

settings = Settings.from_environment()
processes = Processes()
fixtures = files.Fixtures()
database = Database(settings.database_url, settings.db_pool)
upstream = Upstream(settings.upstream_url, settings.upstream_connections)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    """Open what the handlers share, close it when the server stops."""
    current_default_thread_limiter().total_tokens = settings.slots
    with processes, fixtures:
        async with database, upstream:
            yield


async def health(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok", "stack": settings.stack})


async def running_with(_: Request) -> JSONResponse:
    slots = int(current_default_thread_limiter().total_tokens)
    return JSONResponse(effective.answer("starlette", slots, database.connections, upstream.connections))


async def hello(_: Request) -> JSONResponse:
    return JSONResponse({"message": "Hello, World!"})


async def parse_plain(request: Request) -> JSONResponse:
    return JSONResponse(parser.answer(parser.text_of(parser.decode(await request.body()))))


async def parse_coroutine(request: Request) -> JSONResponse:
    return JSONResponse(parser.answer(await parser.text_of_coroutine(parser.decode(await request.body()))))


async def parse_threadpool(request: Request) -> JSONResponse:
    return JSONResponse(parser.answer(await run_in_threadpool(parser.text_of, parser.decode(await request.body()))))


async def crunch_inline(request: Request) -> JSONResponse:
    rounds = params.rounds(request.query_params)
    return JSONResponse(crunch.answer(rounds, crunch.digest(rounds)))


async def crunch_thread(request: Request) -> JSONResponse:
    rounds = params.rounds(request.query_params)
    return JSONResponse(crunch.answer(rounds, await run_in_threadpool(crunch.digest, rounds)))


async def crunch_process(request: Request) -> JSONResponse:
    rounds = params.rounds(request.query_params)
    return JSONResponse(crunch.answer(rounds, await asyncio.wrap_future(processes.submit(crunch.digest, rounds))))


async def db_one(request: Request) -> JSONResponse:
    ids = seeded_ids(params.seed(request.query_params), 1)
    return JSONResponse(await database.sequential(ids, params.milliseconds(request.query_params, 0)))


async def db_sequential(request: Request) -> JSONResponse:
    ids = seeded_ids(params.seed(request.query_params), params.count(request.query_params))
    return JSONResponse(await database.sequential(ids, params.milliseconds(request.query_params, 0)))


async def db_batched(request: Request) -> JSONResponse:
    ids = seeded_ids(params.seed(request.query_params), params.count(request.query_params))
    return JSONResponse(await database.batched(ids, params.milliseconds(request.query_params, 0)))


async def http_one(request: Request) -> JSONResponse:
    return JSONResponse(await upstream.sequential(upstream_path(request), 1))


async def http_sequential(request: Request) -> JSONResponse:
    return JSONResponse(await upstream.sequential(upstream_path(request), params.count(request.query_params)))


async def http_concurrent(request: Request) -> JSONResponse:
    return JSONResponse(await upstream.concurrent(upstream_path(request), params.count(request.query_params)))


async def http_bounded(request: Request) -> JSONResponse:
    n, limit = params.count(request.query_params), params.limit(request.query_params)
    return JSONResponse(await upstream.bounded(upstream_path(request), n, limit))


def upstream_path(request: Request) -> str:
    return delay_path(params.milliseconds(request.query_params, 20), params.capacity(request.query_params))


async def file_blocking(request: Request) -> JSONResponse:
    path, ms = fixtures.path(params.kilobytes(request.query_params)), params.milliseconds(request.query_params, 0)
    return JSONResponse(files.answer(files.read(path, ms)))


async def file_thread(request: Request) -> JSONResponse:
    path, ms = fixtures.path(params.kilobytes(request.query_params)), params.milliseconds(request.query_params, 0)
    return JSONResponse(files.answer(await run_in_threadpool(files.read, path, ms)))


async def file_async(request: Request) -> JSONResponse:
    path, ms = fixtures.path(params.kilobytes(request.query_params)), params.milliseconds(request.query_params, 0)
    async with await anyio.open_file(path, "rb", opener=files.opener(ms)) as file:
        return JSONResponse(files.answer(await file.read()))


async def wait(request: Request) -> JSONResponse:
    ms = params.milliseconds(request.query_params, 50)
    await asyncio.sleep(ms / 1000)
    return JSONResponse({"waited_ms": ms})


async def mixed(request: Request) -> JSONResponse:
    ms, rounds = params.milliseconds(request.query_params, 5), params.rounds(request.query_params)
    await asyncio.sleep(ms / 1000)
    return JSONResponse({"waited_ms": ms, **crunch.answer(rounds, crunch.digest(rounds))})


async def hazard_blocking_wait(request: Request) -> JSONResponse:
    """Block on purpose, by a sleep in a coroutine: everything that shares its event loop waits too."""
    ms = params.milliseconds(request.query_params, 50)
    time.sleep(ms / 1000)
    return JSONResponse({"waited_ms": ms})


async def stream(request: Request) -> StreamingResponse:
    chunks, ms = params.chunks(request.query_params), params.milliseconds(request.query_params, 20)
    lines = await upstream.stream(stream_path(chunks, ms))
    # Runs when the client has gone, too; nothing else closes what was not read to its end.
    close = BackgroundTask(lines.aclose)
    return StreamingResponse(relay.events_async(lines), media_type=relay.MEDIA_TYPE, background=close)


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(await websocket.receive_text())


async def bad_request(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 422)


async def bad_gateway(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 502)


async def http_error(_: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def internal_error(_: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"error": "Internal Server Error"}, 500)


app = Starlette(
    routes=[
        Route("/health", health),
        Route("/settings", running_with),
        Route("/json", hello),
        Route("/parse/plain", parse_plain, methods=["POST"]),
        Route("/parse/coroutine", parse_coroutine, methods=["POST"]),
        Route("/parse/threadpool", parse_threadpool, methods=["POST"]),
        Route("/crunch/inline", crunch_inline),
        Route("/crunch/thread", crunch_thread),
        Route("/crunch/process", crunch_process),
        Route("/db/one", db_one),
        Route("/db/sequential", db_sequential),
        Route("/db/batched", db_batched),
        Route("/http/one", http_one),
        Route("/http/sequential", http_sequential),
        Route("/http/concurrent", http_concurrent),
        Route("/http/bounded", http_bounded),
        Route("/file/blocking", file_blocking),
        Route("/file/thread", file_thread),
        Route("/file/async", file_async),
        Route("/wait", wait),
        Route("/mixed", mixed),
        Route("/hazard/blocking-wait", hazard_blocking_wait),
        Route("/stream", stream),
        WebSocketRoute("/ws", echo),
    ],
    exception_handlers={
        params.BadRequestError: bad_request,
        UpstreamError: bad_gateway,
        HTTPException: http_error,  # type: ignore[dict-item]  # Starlette types handlers of any Exception only
        Exception: internal_error,
    },
    lifespan=lifespan,
)
app.router.redirect_slashes = False
