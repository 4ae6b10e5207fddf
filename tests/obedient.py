"""A fake stack that keeps a part of the contract; what one does otherwise is written inside the test."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qsl

import pytest

from lab import contract
from lab.contract import conform
from lab.model.stack import Model, Stack

ALL_BUT_WAIT = {f"/{path}/": "not the point here" for path in ("parse", "crunch", "db", "http", "file", "hazard")}


class Obedient(BaseHTTPRequestHandler):
    """Keeps the contract for health, json and wait; has nothing else."""

    name = "fake"
    settings: ClassVar[dict[str, object]] = {
        **dict.fromkeys(("slots", "db_pool", "upstream_connections", "keep_alive_s", "loop", "parser")),
        "language": "python 3",
        "server": "http.server 3",
        "framework": "none 0",
    }
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        match path:
            case "/health":
                self.answer(200, {"status": "ok", "stack": self.name})
            case "/json":
                self.answer(200, {"message": "Hello, World!"})
            case "/settings":
                self.answer(200, self.settings)
            case "/wait":
                self.wait(query)
            case _:
                self.answer(404, {"error": "Not Found"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.answer(404, {"error": "Not Found"})

    do_DELETE = do_TRACE = do_OPTIONS = do_PUT = do_POST  # noqa: N815

    def do_HEAD(self) -> None:
        self.headed(405, b"")

    def wait(self, query: str) -> None:
        text = dict(parse_qsl(query, keep_blank_values=True)).get("ms", "50")
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= 60_000):
            self.answer(422, {"error": "ms must be a whole number from 0 to 60000"})
            return
        time.sleep(int(text) / 1000)
        self.answer(200, {"waited_ms": int(text)})

    def answer(self, status: int, value: object) -> None:
        self.headed(status, body := json.dumps(value).encode())
        self.wfile.write(body)

    def headed(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Tests need no access log."""


class Server(ThreadingHTTPServer):
    """Takes all clients that come at once."""

    request_queue_size = 128


@contextmanager
def serving(handler: type[Obedient]) -> Iterator[str]:
    """A fake stack's base URL."""
    with Server(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))  # how often it asks whether to end, s
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            thread.join()


def stack(model: Model = "async", omits: dict[str, str] | None = None, serves: tuple[str, ...] = ()) -> Stack:
    """A fake stack that has health, json and wait."""
    if omits is None and not serves:
        omits = {**ALL_BUT_WAIT, **dict.fromkeys(("/mixed", "/stream", "/ws", "/h2/json"), "not the point here")}
    return Stack(
        name="fake",
        framework="none",
        server="http.server",
        model=model,
        port=1,
        slots=8,
        omits=omits or {},
        serves=serves,
    )


def held(url: str, stack: Stack, *behaviours: Callable[[str, Stack], list[contract.Finding]]) -> list[str]:
    """Return what the stack breaks, in sentences: single requests, and of the behaviours these only."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(conform, "BEHAVIOURS", behaviours)
        return [str(finding) for finding in contract.verify(url, stack)]
