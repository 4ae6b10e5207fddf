"""Flask with `async def` views: each request runs on an event loop of its own, which ends with it.

No pool of connections can outlive a loop, so each request makes its own. Threads belong to no loop and are shared.
stacks/README.md says what each path takes and answers.
"""

import asyncio
import atexit
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import aiofiles
from flask import Flask, request

from stacks.shared import files
from stacks.shared.database_async import DatabasePerRequest
from stacks.shared.on_werkzeug import ERROR_HANDLERS
from stacks.shared.settings import Settings
from stacks.shared.upstream_async import UpstreamPerRequest
from stacks.shared.work_async import Answer, Get, Post, Work

Result = TypeVar("Result")

resources = ExitStack()
atexit.register(resources.close)
settings = Settings.from_environment()
threads = resources.enter_context(ThreadPoolExecutor(settings.slots))


def to_thread(work: Callable[..., Result], *args: object) -> Awaitable[Result]:
    return asyncio.get_running_loop().run_in_executor(threads, work, *args)


async def read_file(path: Path, ms: int) -> bytes:
    """The whole file; opening it takes `ms` milliseconds longer."""
    async with aiofiles.open(path, "rb", opener=files.opener(ms), executor=threads) as file:
        return await file.read()


work = Work(
    settings,
    DatabasePerRequest(settings.database_url),
    UpstreamPerRequest(settings.upstream_url, settings.upstream_connections),
    to_thread,
    read_file,
)
resources.enter_context(work)

app = Flask(__name__, static_folder=None)


def add_get(path: str, get: Get) -> None:
    @app.get(path, endpoint=path)
    async def handler() -> Answer:
        return await get(request.args)


def add_post(path: str, post: Post) -> None:
    @app.post(path, endpoint=path)
    async def handler() -> Answer:
        return await post(request.data)


for path, get in work.gets().items():
    add_get(path, get)
for path, post in work.posts().items():
    add_post(path, post)
for kind, answer in ERROR_HANDLERS.items():
    app.register_error_handler(kind, answer)
