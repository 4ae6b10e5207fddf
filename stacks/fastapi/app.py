"""FastAPI on an ASGI server: `async def` handlers; what would block the event loop goes to AnyIO's threads.

stacks/README.md says what each path takes and answers.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from stacks.shared import crunch, files, params, parser
from stacks.shared.database import seeded_ids
from stacks.shared.database_async import Database
from stacks.shared.processes import Processes
from stacks.shared.settings import Settings
from stacks.shared.upstream import UpstreamError, delay_path
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
parse_routes = APIRouter(prefix="/parse")
crunch_routes = APIRouter(prefix="/crunch")
db_routes = APIRouter(prefix="/db")
http_routes = APIRouter(prefix="/http")
file_routes = APIRouter(prefix="/file")


@app.get("/health")
async def health() -> Answer:
    return {"status": "ok", "stack": settings.stack}


@app.get("/json")
async def hello() -> Answer:
    return {"message": "Hello, World!"}


@parse_routes.post("/plain")
async def parse_plain(request: Request) -> Answer:
    return parser.answer(parser.text_of(parser.decode(await request.body())))


@parse_routes.post("/coroutine")
async def parse_coroutine(request: Request) -> Answer:
    return parser.answer(await parser.text_of_coroutine(parser.decode(await request.body())))


@parse_routes.post("/threadpool")
async def parse_threadpool(request: Request) -> Answer:
    return parser.answer(await run_in_threadpool(parser.text_of, parser.decode(await request.body())))


@crunch_routes.get("/inline")
async def crunch_inline(request: Request) -> Answer:
    rounds = params.rounds(request.query_params)
    return crunch.answer(rounds, crunch.digest(rounds))


@crunch_routes.get("/thread")
async def crunch_thread(request: Request) -> Answer:
    rounds = params.rounds(request.query_params)
    return crunch.answer(rounds, await run_in_threadpool(crunch.digest, rounds))


@crunch_routes.get("/process")
async def crunch_process(request: Request) -> Answer:
    rounds = params.rounds(request.query_params)
    return crunch.answer(rounds, await asyncio.wrap_future(processes.submit(crunch.digest, rounds)))


@db_routes.get("/one")
async def db_one(request: Request) -> Answer:
    query = request.query_params
    return await database.sequential(seeded_ids(params.seed(query), 1), params.milliseconds(query, 0))


@db_routes.get("/sequential")
async def db_sequential(request: Request) -> Answer:
    query = request.query_params
    return await database.sequential(seeded_ids(params.seed(query), params.count(query)), params.milliseconds(query, 0))


@db_routes.get("/batched")
async def db_batched(request: Request) -> Answer:
    query = request.query_params
    return await database.batched(seeded_ids(params.seed(query), params.count(query)), params.milliseconds(query, 0))


@http_routes.get("/one")
async def http_one(request: Request) -> Answer:
    return await upstream.sequential(upstream_path(request), 1)


@http_routes.get("/sequential")
async def http_sequential(request: Request) -> Answer:
    return await upstream.sequential(upstream_path(request), params.count(request.query_params))


@http_routes.get("/concurrent")
async def http_concurrent(request: Request) -> Answer:
    return await upstream.concurrent(upstream_path(request), params.count(request.query_params))


@http_routes.get("/bounded")
async def http_bounded(request: Request) -> Answer:
    query = request.query_params
    return await upstream.bounded(upstream_path(request), params.count(query), params.limit(query))


def upstream_path(request: Request) -> str:
    query = request.query_params
    return delay_path(params.milliseconds(query, 20), params.capacity(query))


@file_routes.get("/blocking")
async def file_blocking(request: Request) -> Answer:
    query = request.query_params
    return files.answer(files.read(fixtures.path(params.kilobytes(query)), params.milliseconds(query, 0)))


@file_routes.get("/thread")
async def file_thread(request: Request) -> Answer:
    query = request.query_params
    path, ms = fixtures.path(params.kilobytes(query)), params.milliseconds(query, 0)
    return files.answer(await run_in_threadpool(files.read, path, ms))


@file_routes.get("/async")
async def file_async(request: Request) -> Answer:
    query = request.query_params
    path, ms = fixtures.path(params.kilobytes(query)), params.milliseconds(query, 0)
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


@app.exception_handler(params.BadRequestError)
async def bad_request(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 422)


@app.exception_handler(UpstreamError)
async def bad_gateway(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 502)


@app.exception_handler(HTTPException)
async def http_error(_: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse({"error": error.detail}, error.status_code)


@app.exception_handler(Exception)
async def internal_error(_: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"error": "Internal Server Error"}, 500)


for routes in (parse_routes, crunch_routes, db_routes, http_routes, file_routes):
    app.include_router(routes)
