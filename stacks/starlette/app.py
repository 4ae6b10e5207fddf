"""Starlette on an ASGI server: what FastAPI is built on, without FastAPI's own layer.

stacks/README.md says what each path takes and answers.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from anyio.to_thread import current_default_thread_limiter
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute

from stacks.shared import relay
from stacks.shared.database_async import Database
from stacks.shared.on_starlette import ERROR_HANDLERS, echo, read_file
from stacks.shared.settings import Settings
from stacks.shared.upstream_async import Upstream
from stacks.shared.work_async import Get, Post, Work

settings = Settings.from_environment()
work = Work(
    settings,
    Database(settings.database_url, settings.db_pool),
    Upstream(settings.upstream_url, settings.upstream_connections),
    run_in_threadpool,
    read_file,
)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    """Open what the handlers share, close it when the server stops."""
    current_default_thread_limiter().total_tokens = settings.slots
    async with work:
        yield


def answering_get(get: Get) -> Callable[..., Any]:
    async def handler(request: Request) -> JSONResponse:
        return JSONResponse(await get(request.query_params))

    return handler


def answering_post(post: Post) -> Callable[..., Any]:
    async def handler(request: Request) -> JSONResponse:
        return JSONResponse(await post(await request.body()))

    return handler


async def stream(request: Request) -> StreamingResponse:
    return StreamingResponse(await work.stream(request.query_params), media_type=relay.MEDIA_TYPE)


app = Starlette(
    routes=[
        *(Route(path, answering_get(get)) for path, get in work.gets().items()),
        *(Route(path, answering_post(post), methods=["POST"]) for path, post in work.posts().items()),
        Route("/stream", stream),
        WebSocketRoute("/ws", echo),
    ],
    exception_handlers=ERROR_HANDLERS,
    lifespan=lifespan,
)
app.router.redirect_slashes = False
