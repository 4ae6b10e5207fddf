"""The contract check on real applications and a real server: what is right is not accused, what is wrong is named."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest

from lab.config.project import Project
from lab.contract.durations import kept
from lab.contract.overlap import overlap
from lab.model.stack import Stack
from lab.paths import ROOT
from tests.conftest import until

THROUGH = """
from starlette.middleware.base import BaseHTTPMiddleware
from {module} import app

async def through(request, call_next):
    return await call_next(request)

app.add_middleware(BaseHTTPMiddleware, dispatch=through)
"""


@contextlib.contextmanager
def uvicorn(app: str, *options: str, folder: Path = ROOT, **variables: str) -> Iterator[str]:
    """Serve an application, which finds modules in `folder` too; gives `host:port`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "LAB_DATABASE_URL": "postgresql://lab@127.0.0.1:1/postgres",
        "PYTHONPATH": f"{folder}:{ROOT}",
        **variables,
    }
    command = [sys.executable, "-m", "uvicorn", f"--port={port}", "--no-access-log", *options, app]
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(port), within_s=60)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def answers(port: int) -> bool:
    """Whether /health is answered."""
    with contextlib.suppress(OSError):
        return get(f"127.0.0.1:{port}", "/health") != b""
    return False


def get(address: str, target: str) -> bytes:
    """The body of an answer."""
    with contextlib.closing(HTTPConnection(address, timeout=30)) as connection:
        connection.request("GET", target)
        return connection.getresponse().read()


def without_services(name: str) -> Stack:
    """A stack of the lab that is not asked for what needs a database or upstream."""
    stack = Project.here().stacks[name]
    return stack.model_copy(update={"omits": stack.omits | dict.fromkeys(("/db/", "/http/"), "not started here")})


@pytest.mark.parametrize("name", [pytest.param("starlette-uvicorn", marks=pytest.mark.slow), "fastapi-uvicorn"])
def test_a_pass_through_middleware_is_not_taken_for_waits_that_overlap(name: str, tmp_path: Path) -> None:
    """It lets both blocked answers out together: they come at the same time, but two waits after the first request."""
    (tmp_path / "through.py").write_text(THROUGH.format(module=f"stacks.{name.partition('-')[0]}.app"))
    with uvicorn("through:app", folder=tmp_path) as address:
        assert overlap(address, without_services(name)) == []


@pytest.mark.slow
@pytest.mark.parametrize(("declared", "found"), [(2, 0), (1, 1)])
def test_as_many_block_at_once_as_there_are_workers(declared: int, found: int) -> None:
    """Two of two blocked waits may overlap on two workers, three may not; one worker more than declared is found."""
    stack = without_services("starlette-uvicorn").model_copy(update={"workers": declared})
    with uvicorn("stacks.starlette.app:app", "--workers=2") as address:
        findings = [finding for _ in range(5) for finding in overlap(address, stack) if "hazard" in finding.path]
    assert (len(findings) > 0) == found


@pytest.mark.parametrize("loop", ["asyncio", pytest.param("uvloop", marks=pytest.mark.slow)])
def test_quart_without_its_thread_pool_says_what_its_loop_has_and_is_found(loop: str, tmp_path: Path) -> None:
    """`run_sync` runs on the loop's own pool: Python's has five threads on one CPU, not the forty that were meant."""
    source = (ROOT / "stacks" / "quart" / "app.py").read_text()
    replaced = source.replace("    asyncio.get_running_loop().set_default_executor(threads)\n", "")
    assert replaced != source
    (tmp_path / "without_pool.py").write_text(replaced)
    threads = min(32, (os.cpu_count() or 1) + 4)
    with uvicorn("without_pool:app", f"--loop={loop}", folder=tmp_path) as address:
        assert json.loads(get(address, "/settings"))["slots"] == threads
        (finding,) = overlap(address, without_services("quart-uvicorn"))
    assert str(finding).startswith("GET /file/thread?ms=200 by 40 clients at once: the last answer came")


@pytest.mark.parametrize("loop", ["asyncio", pytest.param("uvloop", marks=pytest.mark.slow)])
def test_quart_with_its_thread_pool_says_so(loop: str) -> None:
    with uvicorn("stacks.quart.app:app", f"--loop={loop}", LAB_SLOTS="23") as address:
        assert json.loads(get(address, "/settings"))["slots"] == 23


@pytest.mark.slow
def test_two_workers_on_asyncio_stall_on_kept_connections() -> None:
    """Uvicorn binds their socket without naming TCP, so that asyncio does not set TCP_NODELAY; one worker is fine."""
    stack = without_services("fastapi-uvicorn")
    with uvicorn("stacks.fastapi.app:app", "--workers=2", "--loop=asyncio") as address:
        findings = list(map(str, kept(address, stack)))
    assert len(findings) == 2
    assert all("40 ms is usually Nagle's algorithm" in finding for finding in findings)
    with uvicorn("stacks.fastapi.app:app", "--loop=asyncio") as address:
        assert kept(address, stack) == []


@pytest.mark.slow
def test_more_streams_than_connections_and_threads_end_on_plain_handlers() -> None:
    """Handlers that wait for a connection must leave threads to those that hold one."""
    with (
        uvicorn("services.upstream.app:app") as upstream,
        uvicorn("stacks.fastapi.def_app:app", LAB_UPSTREAM_URL=f"http://{upstream}") as address,
        ThreadPoolExecutor(180) as clients,
    ):
        bodies = list(clients.map(lambda _: get(address, "/stream?chunks=20&ms=20"), range(180)))
    assert all(body.endswith(b"data: [DONE]\n\n") for body in bodies)
