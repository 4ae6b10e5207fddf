"""Quart on an ASGI server: Flask with `async def` handlers; what would block the event loop goes to its threads.

stacks/README.md says what each path takes and answers.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import aiofiles
from quart import Quart, Response, request, websocket
from quart.utils import run_sync

from stacks.shared import files, relay
from stacks.shared.database_async import Database
from stacks.shared.on_werkzeug import ERROR_HANDLERS
from stacks.shared.settings import Settings
from stacks.shared.upstream_async import Upstream
from stacks.shared.work_async import Answer, Get, Post, Work

Result = TypeVar("Result")


def to_thread(work: Callable[..., Result], *args: object) -> Awaitable[Result]:
    return run_sync(work)(*args)


async def read_file(path: Path, ms: int) -> bytes:
    """The whole file; opening it takes `ms` milliseconds longer."""
    async with aiofiles.open(path, "rb", opener=files.opener(ms)) as file:
        return await file.read()


settings = Settings.from_environment()
work = Work(
    settings,
    Database(settings.database_url, settings.db_pool),
    Upstream(settings.upstream_url, settings.upstream_connections),
    to_thread,
    read_file,
)

app = Quart(__name__, static_folder=None)
app.config["MAX_CONTENT_LENGTH"] = None  # as Flask and FastAPI have it
app.config["RESPONSE_TIMEOUT"] = None


@app.while_serving
async def lifespan() -> AsyncGenerator[None, None]:
    """Open what the handlers share, close it when the server stops."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(settings.slots))
    async with work:
        yield


def add_get(path: str, get: Get) -> None:
    @app.get(path, endpoint=path)
    async def handler() -> Answer:
        return await get(request.args)


def add_post(path: str, post: Post) -> None:
    @app.post(path, endpoint=path)
    async def handler() -> Answer:
        return await post(await request.data)


@app.get("/stream")
async def stream() -> Response:
    return Response(await work.stream(request.args), mimetype=relay.MEDIA_TYPE)


@app.websocket("/ws")
async def echo() -> None:
    """Send each message back until the client goes."""
    while True:
        await websocket.send(await websocket.receive())


for path, get in work.gets().items():
    add_get(path, get)
for path, post in work.posts().items():
    add_post(path, post)
for kind, answer in ERROR_HANDLERS.items():
    app.register_error_handler(kind, answer)
