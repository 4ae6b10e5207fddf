"""The least work of an ASGI server: one constant answer, no framework."""

from typing import Any

BODY = b'{"message":"Hello, World!"}'
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))],
}
END = {"type": "http.response.body", "body": BODY}


async def app(_scope: Any, _receive: Any, send: Any) -> None:
    """Send the greeting, whatever the request."""
    await send(START)
    await send(END)
