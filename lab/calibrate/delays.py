"""A server of known delays: `python -m lab.calibrate.delays <mode> <port> <log>`. It writes its log when it is terminated.

A delay counts from the moment at which the kernel had the request. So the log includes the time by which the server itself
was late. Its CPU must not be busy all the time: the machine's own work would move to the generator's CPU.
"""

import asyncio
import gc
import select
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from time import monotonic, thread_time
from typing import Any, get_args

from lab.calibrate.truth import BURN_S, FREEZE_EVERY_S, FREEZE_S, Log, Mode, delays_s

SO_TIMESTAMPNS = 35
"""socket(7); Python has no name for it."""
TIMESPEC = struct.Struct("ll")
BODY = b'{"message":"Hello, World!"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


class _Punctual(selectors.EpollSelector):
    """Wakes with a precision of 0.05 ms: epoll's own timeouts are rounded up to whole milliseconds."""

    def select(self, timeout: float | None = None) -> Any:
        select.select([self], [], [], timeout)
        return super().select(0)


class Delays:
    """The state that all connections share: the next delay, and the requests answered so far."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.loop = asyncio.get_running_loop()
        self.next_delay_s = delays_s(mode).__next__
        self.done: list[tuple[int, float, float]] = []
        self.freezes: list[tuple[float, float]] = []
        self.burnt: list[tuple[float, float]] = []

    def freeze_on(self) -> None:
        """Do nothing for FREEZE_S, now and in each FREEZE_EVERY_S."""
        start_s = monotonic()
        self.loop.call_at(start_s + FREEZE_EVERY_S, self.freeze_on)
        time.sleep(FREEZE_S)
        self.freezes.append((start_s, monotonic()))

    def burn(self) -> None:
        """Use BURN_S of this thread's CPU time, and note how much it was."""
        before_s = thread_time()
        while (burnt_s := thread_time() - before_s) < BURN_S:
            pass
        self.burnt.append((monotonic(), burnt_s))

    def log(self) -> Log:
        """Return the requests in the order in which they came."""
        done = sorted(self.done, key=lambda row: row[1])
        numbers, received, written = zip(*done, strict=True) if done else ((), (), ())
        return Log(
            numbers=numbers, received=received, written=written, freezes=tuple(self.freezes), burnt=tuple(self.burnt)
        )


class _Connection:
    """One request at a time, as a client without pipelining sends them: `GET /<number> HTTP/1.1`."""

    def __init__(self, delays: Delays, peer: socket.socket) -> None:
        self._delays = delays
        self._peer = peer
        self._head = b""
        peer.setblocking(False)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        delays.loop.add_reader(peer, self._read)

    def _read(self) -> None:
        data, ancillary, _, _ = self._peer.recvmsg(4096, 64)
        if not data:
            self._delays.loop.remove_reader(self._peer)
            self._peer.close()
            return
        self._head += data
        if self._head.endswith(b"\r\n\r\n"):
            path = self._head.split(b" ", 2)[1]
            self._head = b""
            arrived_s = _arrived_s(ancillary)
            self._delays.loop.call_at(arrived_s + self._delays.next_delay_s(), self._answer, int(path[1:]), arrived_s)

    def _answer(self, number: int, arrived_s: float) -> None:
        if self._delays.mode == "burning":
            self._delays.burn()
        self._peer.send(ANSWER)
        self._delays.done.append((number, arrived_s, monotonic()))


def _arrived_s(ancillary: Iterable[tuple[int, int, bytes]]) -> float:
    """Return when the kernel had the data (CLOCK_MONOTONIC): the server reads it later, and must not hide that."""
    for _, kind, content in ancillary:
        if kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = TIMESPEC.unpack(content[: TIMESPEC.size])
            return float(seconds + nanoseconds / 1e9 - (time.time() - monotonic()))
    raise OSError("The kernel gave no time of arrival (SO_TIMESTAMPNS): calibrate on another kernel.")


async def _serve(mode: Mode, port: int, log: Path) -> None:
    delays, ended = Delays(mode), asyncio.Event()
    delays.loop.add_signal_handler(signal.SIGTERM, ended.set)
    with socket.create_server(("127.0.0.1", port), backlog=4096) as listener:
        listener.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)  # connections inherit it
        delays.loop.add_reader(listener, lambda: _Connection(delays, listener.accept()[0]))
        if mode == "freezing":
            delays.loop.call_later(FREEZE_EVERY_S - FREEZE_S, delays.freeze_on)
        gc.collect()
        gc.freeze()
        gc.disable()
        await ended.wait()
    log.write_text(delays.log().model_dump_json())


def main(mode: str, port: str, log: str) -> None:
    """Serve until SIGTERM."""
    known: tuple[Mode, ...] = get_args(Mode)
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(_Punctual())) as runner:
        runner.run(_serve(known[known.index(mode)], int(port), Path(log)))


if __name__ == "__main__":
    main(*sys.argv[1:])
