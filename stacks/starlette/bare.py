"""The greeting without any framework, bare ASGI: what is left of a request is the server, its event loop and its parser."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from stacks.shared import effective
from stacks.shared.settings import Settings

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

settings = Settings.from_environment()
METHODS = ("GET", "HEAD")


async def app(scope: Scope, _: Receive, send: Send) -> None:
    """Serve a request; Uvicorn accepts that `lifespan` is not supported."""
    if scope["type"] != "http":
        raise NotImplementedError(f"{scope['type']} is not served")
    answer = answers.get(scope["path"])
    if answer is None:
        await respond(send, 404, {"error": "Not Found"})
    elif scope["method"] not in METHODS:
        await respond(send, 405, {"error": "Method Not Allowed"}, allow=", ".join(METHODS))
    else:
        await respond(send, 200, answer())


async def respond(send: Send, status: int, answer: object, **headers: str) -> None:
    """Send an answer as JSON."""
    body = json.dumps(answer, separators=(",", ":")).encode()
    told = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    encoded = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


answers: dict[str, Callable[[], object]] = {
    "/json": lambda: {"message": "Hello, World!"},
    "/health": lambda: {"status": "ok", "stack": settings.stack},
    "/settings": lambda: effective.answer("uvicorn", 0, 0, 0),
}
"""Path -> what makes its answer."""
