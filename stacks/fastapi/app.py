"""FastAPI on an ASGI server: `async def` handlers; what would block the event loop goes to AnyIO's threads.

stacks/README.md says what each path takes and answers.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from stacks.shared import relay
from stacks.shared.database_async import Database
from stacks.shared.on_starlette import ERROR_HANDLERS, echo, read_file
from stacks.shared.settings import Settings
from stacks.shared.upstream_async import Upstream
from stacks.shared.work_async import Get, Post, Work

# As a return annotation it has FastAPI write the JSON with pydantic, its fastest way.
Answer = dict[str, Any]

settings = Settings.from_environment()
work = Work(
    settings,
    Database(settings.database_url, settings.db_pool),
    Upstream(settings.upstream_url, settings.upstream_connections),
    run_in_threadpool,
    read_file,
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Open what the handlers share, close it when the server stops."""
    current_default_thread_limiter().total_tokens = settings.slots
    async with work:
        yield


app = FastAPI(lifespan=lifespan, openapi_url=None, redirect_slashes=False, exception_handlers=ERROR_HANDLERS)


def answering_get(get: Get) -> Callable[..., Any]:
    async def handler(request: Request) -> Answer:
        return await get(request.query_params)

    return handler


def answering_post(post: Post) -> Callable[..., Any]:
    async def handler(request: Request) -> Answer:
        return await post(await request.body())

    return handler


for path, get in work.gets().items():
    app.get(path)(answering_get(get))
for path, post in work.posts().items():
    app.post(path)(answering_post(post))


@app.get("/stream")
async def stream(request: Request) -> StreamingResponse:
    return StreamingResponse(await work.stream(request.query_params), media_type=relay.MEDIA_TYPE)


app.websocket("/ws")(echo)
