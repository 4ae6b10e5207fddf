"""FastAPI with plain `def` handlers: each runs on one of AnyIO's threads.

stacks/README.md says what each path takes and answers.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from anyio.to_thread import current_default_thread_limiter
from fastapi import Depends, FastAPI, Request
from fastapi.responses import StreamingResponse

from stacks.shared import relay
from stacks.shared.on_starlette import ERROR_HANDLERS
from stacks.shared.settings import Settings
from stacks.shared.work_sync import Get, Post, Work

Answer = dict[str, Any]

settings = Settings.from_environment()
work = Work(settings)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Open what the handlers share, close it when the server stops."""
    current_default_thread_limiter().total_tokens = settings.slots
    with work:
        yield


app = FastAPI(lifespan=lifespan, openapi_url=None, redirect_slashes=False, exception_handlers=ERROR_HANDLERS)


async def raw_body(request: Request) -> bytes:
    """A plain handler cannot await the body; a dependency can."""
    return await request.body()


def answering_get(get: Get) -> Callable[..., Any]:
    def handler(request: Request) -> Answer:
        return get(request.query_params)

    return handler


def answering_post(post: Post) -> Callable[..., Any]:
    def handler(body: Annotated[bytes, Depends(raw_body)]) -> Answer:
        return post(body)

    return handler


for path, get in work.gets().items():
    app.get(path)(answering_get(get))
for path, post in work.posts().items():
    app.post(path)(answering_post(post))


@app.get("/stream")
def stream(request: Request) -> StreamingResponse:
    return StreamingResponse(work.stream(request.query_params), media_type=relay.MEDIA_TYPE)
