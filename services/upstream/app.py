"""The service that stacks call: answers after a given delay, streams chat completions, can be full. Bare ASGI.

    GET /health                        {"status":"ok","stack":"upstream"}
    GET /delay?ms=20&capacity=0        after `ms` milliseconds, always the same length
    GET /stream?chunks=10&ms=20        `chunks` server-sent events, `ms` milliseconds before each, then [DONE]

More than `capacity` calls at once (0: no limit) are refused with 503 at once.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Numbers = dict[str, int]

MOST = {"ms": 60_000, "chunks": 10_000, "capacity": 100_000}
NAME = os.environ.get("LAB_STACK", "upstream")


class Load:
    """How many calls are being answered now."""

    calls = 0


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a request; Uvicorn accepts that `lifespan` is not supported."""
    if scope["type"] != "http":
        raise NotImplementedError(f"{scope['type']} is not served")
    try:
        numbers = read(scope["query_string"])
    except ValueError as error:
        await respond(send, 422, {"error": str(error)})
        return
    match scope["path"]:
        case "/delay":
            await delay(send, numbers)
        case "/stream":
            await stream(receive, send, numbers)
        case "/health":
            await respond(send, 200, {"status": "ok", "stack": NAME})
        case _:
            await respond(send, 404, {"error": "Not Found"})


def read(query: bytes) -> Numbers:
    """Return the parameters, with defaults; raise ValueError for a bad one."""
    numbers = {"ms": 20, "chunks": 10, "capacity": 0}
    for name, text in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name in numbers:
            if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MOST[name]):
                raise ValueError(f"{name} must be a whole number from 0 to {MOST[name]}")
            numbers[name] = int(text)
    return numbers


async def delay(send: Send, numbers: Numbers) -> None:
    """Answer after `ms` milliseconds, or refuse at once where `capacity` calls are being answered."""
    if 0 < numbers["capacity"] <= Load.calls:
        await respond(send, 503, {"error": "full"})
        return
    Load.calls += 1
    try:
        await asyncio.sleep(numbers["ms"] / 1000)
    finally:
        Load.calls -= 1
    await respond(send, 200, {"waited_ms": f"{numbers['ms']:05d}"})


async def stream(receive: Receive, send: Send, numbers: Numbers) -> None:
    """Send a chat completion, word by word, until the client goes: Uvicorn would take the rest of it without a word."""
    gone = asyncio.create_task(disconnected(receive))  # it also ends when the answer has
    await start(send, 200, "text/event-stream")
    for index in range(numbers["chunks"]):
        await asyncio.sleep(numbers["ms"] / 1000)
        if gone.done():
            return
        part = {"type": "text", "text": f"word {index:05d} "}
        event = {"choices": [{"index": 0, "delta": {"content": [part]}}]}
        await send({"type": "http.response.body", "body": b"data: %b\n\n" % encode(event), "more_body": True})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


async def disconnected(receive: Receive) -> None:
    """Return when the client has gone, or has its answer."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def respond(send: Send, status: int, answer: object) -> None:
    """Send one JSON answer."""
    body = encode(answer)
    await start(send, status, "application/json", (b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.body", "body": body})


async def start(send: Send, status: int, media_type: str, *headers: tuple[bytes, bytes]) -> None:
    """Return status and headers of an answer."""
    headers = ((b"content-type", media_type.encode()), *headers)
    await send({"type": "http.response.start", "status": status, "headers": headers})


def encode(value: object) -> bytes:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()
