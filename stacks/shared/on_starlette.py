"""What Starlette's applications share, FastAPI's among them: how errors are answered, files on AnyIO's threads, echo."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from stacks.shared import files
from stacks.shared.params import BadRequestError
from stacks.shared.upstream import UpstreamError

ErrorHandler = Callable[[Request, Exception], Awaitable[JSONResponse]]


async def bad_request(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 422)


async def bad_gateway(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 502)


async def http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  (Starlette's types know handlers of Exception only)
    return JSONResponse({"error": error.detail}, error.status_code)


async def internal_error(_: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"error": "Internal Server Error"}, 500)


ERROR_HANDLERS: dict[type[Exception] | int, ErrorHandler] = {
    BadRequestError: bad_request,
    UpstreamError: bad_gateway,
    HTTPException: http_error,
    Exception: internal_error,
}


async def read_file(path: Path, ms: int) -> bytes:
    """The whole file; opening it takes `ms` milliseconds longer."""
    async with await anyio.open_file(path, "rb", opener=files.opener(ms)) as file:
        return await file.read()


async def echo(websocket: WebSocket) -> None:
    """Send each message back until the client goes."""
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        return
