"""A server of known delays: `python -m lab.calibrate.delays <mode> <port> <log>`; writes its log when it is terminated.

It never sleeps in epoll: it asks again and again until the next timer is due, since a sleep there is rounded up to
whole milliseconds and every wake-up would add to what only the client sees. It has a CPU of its own.
"""

import asyncio
import gc
import selectors
import signal
import sys
import time
from pathlib import Path
from time import monotonic
from typing import Any, get_args

from lab.calibrate.truth import FREEZE_EVERY_S, FREEZE_S, Log, Mode, delays_s

BODY = b'{"message":"Hello, World!"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


class _Awake(selectors.EpollSelector):
    """Asks until something has come or the time is over, without sleeping."""

    def select(self, timeout: float | None = None) -> Any:
        until = monotonic() + (1.0 if timeout is None else timeout)
        while not (events := super().select(0)) and monotonic() < until:
            pass
        return events


class Delays:
    """What all connections share: the next delay, and what was done."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.loop = asyncio.get_running_loop()
        self.next_delay_s = delays_s(mode).__next__
        self.done: list[tuple[int, float, float]] = []
        self.freezes: list[tuple[float, float]] = []

    def freeze_on(self) -> None:
        """Do nothing at all for FREEZE_S, now and in each FREEZE_EVERY_S."""
        start_s = monotonic()
        self.loop.call_at(start_s + FREEZE_EVERY_S, self.freeze_on)
        time.sleep(FREEZE_S)
        self.freezes.append((start_s, monotonic()))

    def log(self) -> Log:
        """In the order in which requests came."""
        done = sorted(self.done, key=lambda row: row[1])
        numbers, received, written = zip(*done, strict=True) if done else ((), (), ())
        return Log(numbers=numbers, received=received, written=written, freezes=tuple(self.freezes))


class _Connection(asyncio.Protocol):
    """One request at a time, as a client without pipelining sends them: `GET /<number> HTTP/1.1`."""

    def __init__(self, delays: Delays) -> None:
        self._delays = delays
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # for the type checker
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        received_s = monotonic()
        self._head += data
        if self._head.endswith(b"\r\n\r\n"):
            path = self._head.split(b" ", 2)[1]
            self._head = b""
            due_s = received_s + self._delays.next_delay_s()
            self._delays.loop.call_at(due_s, self._answer, int(path[1:]), received_s)

    def _answer(self, number: int, received_s: float) -> None:
        self._transport.write(ANSWER)
        self._delays.done.append((number, received_s, monotonic()))


async def _serve(mode: Mode, port: int, log: Path) -> None:
    delays, ended = Delays(mode), asyncio.Event()
    delays.loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await delays.loop.create_server(lambda: _Connection(delays), "127.0.0.1", port, backlog=4096)
    if mode == "freezing":
        delays.loop.call_later(FREEZE_EVERY_S - FREEZE_S, delays.freeze_on)
    gc.collect()
    gc.freeze()
    gc.disable()
    await ended.wait()
    server.close()
    log.write_text(delays.log().model_dump_json())


def main(mode: str, port: str, log: str) -> None:
    """Serve until SIGTERM."""
    known: tuple[Mode, ...] = get_args(Mode)
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(_Awake())) as runner:
        runner.run(_serve(known[known.index(mode)], int(port), Path(log)))


if __name__ == "__main__":
    main(*sys.argv[1:])
