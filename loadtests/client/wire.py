"""One HTTP/1.1 connection on a non-blocking socket, waited for by gevent's hub and parsed by httptools.

Nothing is ever retried but a request on a kept connection that the server had closed before it answered.
Bodies need a Content-Length or chunks; one that only ends with the connection counts as cut off.
"""

from contextlib import suppress
from errno import EADDRNOTAVAIL, ECONNREFUSED, ECONNRESET, EMFILE, ENFILE, ENOBUFS, ENOMEM
from math import inf
from time import monotonic
from typing import Any

import gevent
from gevent import get_hub, getcurrent
from gevent.monkey import get_original
from gevent.socket import wait_write
from httptools import HttpParserError, HttpResponseParser

socket, AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_NODELAY, SOL_SOCKET, SO_ERROR, SHUT_RDWR = get_original(
    "socket",
    ["socket", "AF_INET", "SOCK_STREAM", "IPPROTO_TCP", "TCP_NODELAY", "SOL_SOCKET", "SO_ERROR", "SHUT_RDWR"],
)
CHUNK_BYTES = 65536
READABLE = 1


class Fault(Exception):  # noqa: N818  (what went wrong with a request is a result here)
    """A request that was not answered correctly; the text is the reason it is counted under."""


EXHAUSTED = "generator: "
"""How a reason begins that is this machine's fault and never the server's."""
RESOURCES = {
    EADDRNOTAVAIL: "no local port was free; widen net.ipv4.ip_local_port_range, or wait a minute until closed "
    "connections have given theirs back",
    EMFILE: "this process may open no more files; raise `ulimit -Hn`",
    ENFILE: "this machine may open no more files; raise fs.file-max, or end programs that hold many",
    ENOBUFS: "the kernel had no buffer left for a socket; raise net.core.wmem_max and net.ipv4.tcp_mem, or lower the load",
    ENOMEM: "the kernel had no memory left for a socket; end other programs, raise net.ipv4.tcp_mem, or lower the load",
}
"""Error number -> what the client ran out of, and what to do."""


class Silent(Exception):  # noqa: N818
    """The connection ended before the first byte of an answer."""


class Patience:
    """Ends requests that take longer than `timeout_s`, to within a twentieth of it, for all connections at once.

    One greenlet looks at all of them; a timer for each request would cost more than the request's own bookkeeping.
    """

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self.connections: set[Connection] = set()
        self._greenlet = gevent.spawn(self._watch)

    def _watch(self) -> None:
        while True:
            gevent.sleep(self.timeout_s / 20)
            oldest = monotonic() - self.timeout_s
            for connection in [c for c in self.connections if c.since < oldest]:
                connection.give_up()

    def stop(self) -> None:
        """Stop watching."""
        self._greenlet.kill(block=False)


class Connection:
    """Opened at its first request and again whenever that is needed; used by one greenlet at a time."""

    def __init__(self, address: tuple[str, int], patience: Patience) -> None:
        self.address = address
        self.patience = patience
        self.opened = False
        """Whether a request has opened the connection since the load's loop last cleared this …"""
        self.reopened = False
        """… and whether it had been kept before, and closed by the server."""
        self.keep_alive = True
        """Whether the next request may use the connection too; else it is closed after each answer."""
        self.port = 0
        """Of this machine, of the last connection that was opened."""
        self.since = inf
        """CLOCK_MONOTONIC at the start of the request in flight."""
        self.status = 0
        self._sock: Any = None
        self._kept = False
        self._gave_up = False
        self._ended = 0
        self._keep = False
        self._parts: list[bytes] = []
        self.on_body = self._parts.append
        self._readable: Any = None
        self._parser: Any = None
        self._known: bytes | None = None
        """What the parser last found to be one whole response on this connection, and not the last: it need not look again."""
        self._known_body = b""
        patience.connections.add(self)

    def exchange(self, request: bytes, start_s: float) -> bytes:
        """Send one request and return the body of its response, whose status is then in `status`; raises Fault.

        `start_s` is CLOCK_MONOTONIC now: the timeout counts from there, a second try included.
        """
        self.since = start_s
        self._gave_up = False
        try:
            if self._kept:
                try:
                    return self._talk(request)
                except Silent:
                    if self._gave_up:
                        raise
                    self._close()
                    self.reopened = True
            if self._sock is None:
                self._open()
            return self._talk(request)
        except (Fault, Silent, OSError, HttpParserError) as error:
            self._close()
            raise Fault("timeout" if self._gave_up else _reason(error)) from error
        except BaseException:  # the greenlet is killed
            self._close()
            raise
        finally:
            self.since = inf
            if not self.keep_alive:
                self._close()

    def close(self) -> None:
        """End the connection for good."""
        self.patience.connections.discard(self)
        self._close()

    def give_up(self) -> None:
        """Wake the greenlet that waits for this connection, which then finds it ended."""
        self._gave_up = True
        if self._sock is not None:
            with suppress(OSError):  # already reset by the server, which wakes the greenlet just as well
                self._sock.shutdown(SHUT_RDWR)

    def on_message_complete(self) -> None:
        """End the response; the parser calls this."""
        self._ended += 1
        self.status = self._parser.get_status_code()
        self._keep = self._parser.should_keep_alive()

    def _open(self) -> None:
        self._gave_up = False
        self._sock = sock = socket(AF_INET, SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self.opened = True
        try:
            sock.connect(self.address)
        except BlockingIOError:
            wait_write(sock.fileno())
            code = sock.getsockopt(SOL_SOCKET, SO_ERROR)
            if code:
                raise OSError(code, "connect") from None
        self.port = sock.getsockname()[1]
        self._readable = get_hub().loop.io(sock.fileno(), READABLE)
        self._parser = HttpResponseParser(self)
        self._known = None

    def _close(self) -> None:
        self._kept = False
        if self._sock is not None:
            if self._readable is not None:
                self._readable.close()
                self._readable = None
            self._sock.close()
            self._sock = None

    def _talk(self, request: bytes) -> bytes:
        """Exchange one request and its response on the open socket."""
        self._send(request)
        data = self._receive()
        if data == self._known:  # a quarter of the time of a request is saved here
            return self._known_body
        if not data:
            raise Silent
        whole: bytes | None = data
        self._ended = 0
        self._parts.clear()
        self._parser.feed_data(data)
        while not self._ended:
            whole = None
            data = self._receive()
            if not data:
                raise Fault("cut off")
            self._parser.feed_data(data)
        return self._finish(whole)

    def _finish(self, whole: bytes | None) -> bytes:
        if self._ended > 1:
            raise Fault("more than one response")
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._kept = self._keep
        if self._keep:
            self._known, self._known_body = whole, body
        else:
            self._close()
        return body

    def _send(self, request: bytes) -> None:
        try:
            sent = self._sock.send(request)
        except BlockingIOError:
            sent = 0
        except (BrokenPipeError, ConnectionResetError):
            raise Silent from None
        while sent < len(request):
            wait_write(self._sock.fileno())
            try:
                sent += self._sock.send(request[sent:])
            except (BrokenPipeError, ConnectionResetError):
                raise Silent from None

    def _receive(self) -> bytes:
        """Wait, then read: no answer can be there yet, and reading first would raise. Empty at the end."""
        self._readable.start(getcurrent().switch)
        try:
            get_hub().switch()
        finally:
            self._readable.stop()
        try:
            received: bytes = self._sock.recv(CHUNK_BYTES)
            return received
        except ConnectionResetError:
            return b""


def _reason(error: Fault | Silent | HttpParserError | OSError) -> str:
    if isinstance(error, Fault):
        return str(error)
    if isinstance(error, Silent):
        return "closed without an answer"
    if isinstance(error, HttpParserError):
        return "not HTTP"
    if error.errno in RESOURCES:
        return EXHAUSTED + RESOURCES[error.errno]
    return {ECONNREFUSED: "refused", ECONNRESET: "reset"}.get(error.errno or 0, error.strerror or type(error).__name__)
