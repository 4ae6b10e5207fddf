"""A server that burns a known CPU time for each request: `python -m lab.calibrate.burner <port> <log>`."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from time import monotonic, thread_time

from lab.calibrate.delays import ANSWER

BURN_S = 0.005


class _Burner(asyncio.Protocol):
    """Burns CPU time, answers, and notes when it had burnt how much."""

    def __init__(self, burnt: list[tuple[float, float]]) -> None:
        self._burnt = burnt

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # for the type checker
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        del data  # a request fits into one segment
        before_s = thread_time()
        while thread_time() - before_s < BURN_S:
            pass
        self._burnt.append((monotonic(), thread_time() - before_s))
        self._transport.write(ANSWER)


async def _serve(port: int, log: Path) -> None:
    loop, ended, burnt = asyncio.get_running_loop(), asyncio.Event(), list[tuple[float, float]]()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(lambda: _Burner(burnt), "127.0.0.1", port)
    await ended.wait()
    server.close()
    log.write_text(json.dumps(burnt))


def main(port: str, log: str) -> None:
    """Serve until SIGTERM. The log has [CLOCK_MONOTONIC, seconds burnt] for each request."""
    asyncio.run(_serve(int(port), Path(log)))


if __name__ == "__main__":
    main(*sys.argv[1:])
