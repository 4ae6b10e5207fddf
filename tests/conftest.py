"""What several tests share: a copy of this checkout, a container engine, commands of the lab."""

import contextlib
import functools
import gc
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ParamSpec

import pytest
from hypothesis import HealthCheck, settings

from lab.config import compose
from lab.config.project import Project
from lab.errors import LabError
from lab.load.client import Driver
from lab.model.outcome import OUTCOME, Sample
from lab.model.stack import Stack
from lab.paths import ROOT
from lab.runtime import readiness
from lab.runtime.docker import connect

P = ParamSpec("P")
Command = Callable[..., "subprocess.CompletedProcess[str]"]

signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background hands an ignored Ctrl-C on


def needs(lack: str | None) -> pytest.MarkDecorator:
    """Leave a test out where this machine lacks what it needs (a phrase); CI, which sets LAB_REQUIRE_ENGINE, must have it."""
    if lack and os.environ.get("LAB_REQUIRE_ENGINE"):
        pytest.exit(f"LAB_REQUIRE_ENGINE is set, but: {lack}", returncode=1)
    return pytest.mark.skipif(lack is not None, reason=str(lack))


def engine_missing() -> str | None:
    """Why the container half cannot be tested here; None if it can."""
    try:
        connect().close()
    except LabError as error:
        return str(error)
    return None


settings.register_profile("lab", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lab")  # an example that a busy machine is slow with is no finding


def reserved_hundred() -> int:
    """Return 91, 93, 95 or 97: the first in whose hundred of ports, and the next, where A/A arms are, nobody listens. Reserve it:
    another suite that runs at the same time cannot bind its first port until this process ends, and takes the next one.
    """
    taken = {port // 100 for port in readiness.listeners()}
    for hundred in (hundred for hundred in range(91, 99, 2) if not {hundred, hundred + 1} & taken):
        reserved = socket.socket()
        try:
            reserved.bind(("127.0.0.1", hundred * 100))
        except OSError:
            reserved.close()
        else:
            reserved.detach()
            return hundred
    pytest.exit("All ports from 9100 to 9899 are taken by other suites or programs: end one of them.", returncode=1)


PORTS = reserved_hundred()
"""Copies of the checkout use ports 91xx instead of 81xx, so that neither a running lab nor another suite is in the way."""

ENGINE_MISSING = engine_missing()
without_engine = needs(ENGINE_MISSING)
needs_engine = pytest.mark.engine
PATIENCE_S = 600
"""Seconds that a slow test may take, one that calls commands in a checkout, or one for which images may have to be built."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the tests that need an engine where there is none, and give long tests a longer timeout."""
    for item in items:
        names = {mark.name for mark in item.iter_markers()}
        if "engine" in names:
            item.add_marker(without_engine)
        if names & {"engine", "slow"} or "checkout" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(PATIENCE_S))


@pytest.fixture(autouse=True, scope="module")
def nothing_left_behind() -> Iterator[None]:
    """What a file's tests left open, and servers that they left running, fail it instead of a test of another file."""
    yield
    gc.collect()
    left = {port: server for port, server in readiness.listeners().items() if port // 100 in (PORTS, PORTS + 1)}
    said = [f"port {port}: {' '.join(server.cmdline())}" for port, server in left.items()]
    for server in left.values():
        server.kill()
    assert said == []


@pytest.fixture(scope="module", params=["process", pytest.param("docker", marks=needs_engine)])
def runtime(request: pytest.FixtureRequest) -> str:
    """Each runtime in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """A driver that takes orders."""
    with Driver(tmp_path_factory.mktemp("driver") / "log") as running:
        yield running


@contextlib.contextmanager
def checkout_copied_to(copy: Path) -> Iterator[Path]:
    """A copy of this checkout; whatever was started from it is stopped at the end."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.split("\0"):
        source = ROOT / name
        if source.is_file() and not name.startswith("results/"):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy / name)
    compose = copy / "docker-compose.yml"
    compose.write_text(re.sub(r"\b81(\d\d)\b", rf"{PORTS}\1", compose.read_text()))
    try:
        yield copy
    finally:
        cleaned = lab(copy, "clean")
    assert cleaned.returncode == 0, cleaned.stderr


@contextlib.contextmanager
def all_started(folder: Path, runtime: str, stacks: str = "all") -> Iterator[dict[str, Stack]]:
    """Name -> stack, of those that can be started here in a runtime, all running, from a copy of this checkout."""
    with checkout_copied_to(folder) as copy:
        for packages in ROOT.glob("stacks/*/node_modules"):
            (copy / packages.relative_to(ROOT)).symlink_to(packages)
        started = lab(copy, "up", f"--stack={stacks}", f"--runtime={runtime}")
        assert started.returncode == 0, started.stderr
        here = set(started.stdout.split())
        described = compose.stacks(compose.read(copy / "docker-compose.yml", Project.here().variables))
        yield {name: stack for name, stack in described.items() if f"http://127.0.0.1:{stack.port}" in here}


def measured(copy: Path, stack: str, window_s: float, runtime: str = "process") -> Sample:
    """What one trial of a stack with eight users gives, in a copy of this checkout and with services of its own."""
    trial = {"stack": stack, "scenario": "json", "load": "closed:8", "window_s": window_s}
    done = subprocess.run(
        [sys.executable, "-m", "tests.staged", runtime],
        cwd=copy,
        env=environment(),
        input=json.dumps([{"stacks": [stack], "trials": [trial]}]),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcome = OUTCOME.validate_python(json.loads(done.stdout)["outcome"])
    assert isinstance(outcome, Sample), outcome
    return outcome


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A copy of this checkout that a test may change."""
    with checkout_copied_to(tmp_path / "checkout") as copy:
        yield copy


@pytest.fixture
def listener() -> Iterator[Callable[[int], None]]:
    """Takes a port of 127.0.0.1 until the test ends."""
    with contextlib.ExitStack() as taken:

        def take(port: int) -> None:
            server = taken.enter_context(socket.socket())
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("127.0.0.1", port))
            server.listen()

        yield take


def remeasured(test: Callable[P, None]) -> Callable[P, None]:
    """Let a test that measures fail only where each of five attempts fails: other programs disturb some, a fault is in all.

    Only for tests of times and rates: whatever holds at any speed is tested without it.
    """

    @functools.wraps(test)
    def attempts(*args: P.args, **kwargs: P.kwargs) -> None:
        for _ in range(4):
            with contextlib.suppress(AssertionError):
                return test(*args, **kwargs)
        return test(*args, **kwargs)

    return attempts


def until(condition: Callable[[], object], within_s: float = 60) -> None:
    """Asks until the condition holds; fails the test after `within_s` seconds, which a busy machine may need."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)  # who asks without a pause keeps the others from what is waited for


def lab(checkout: Path, *words: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Runs `python -m lab <words>` in a checkout and waits for it."""
    return subprocess.run(
        command(*words), cwd=checkout, env=environment(env), capture_output=True, text=True, timeout=600, check=False
    )


DISTURBED = re.compile(
    "Other programs took|The hypervisor took|The generator sent late|The idle stacks' servers took|in flight for"
)
"""What the lab says of a trial beside which this machine did something else."""


def assert_measured(done: "subprocess.CompletedProcess[str]") -> None:
    """Fail unless `bench` measured all that was asked for, but for cells that other programs on this machine disturbed."""
    assert done.returncode in (0, 1), done.stderr
    *lines, last = done.stderr.splitlines()
    blamed = [line for line in lines if line.startswith(("failed: ", "invalid: "))]
    assert [line for line in blamed if not DISTURBED.search(line)] == [], done.stderr
    if done.returncode:
        lacking = last.partition(" was measured: ")[2].removesuffix(".").split("; ")
        assert len(lacking) == len(blamed), done.stderr
        assert all(one.endswith(" is invalid") for one in lacking), done.stderr


def command(*words: str) -> Sequence[str]:
    """The command line of the lab with this environment's Python."""
    return [sys.executable, "-m", "lab", *words]


def environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """This environment without the lab's own variables, so that `make test RUNTIME=…` does not change what is tested."""
    ours = (
        "PROFILE",
        "STACKS",
        "SCENARIOS",
        "LOADS",
        "WINDOW",
        "BLOCKS",
        "RUNTIME",
        "RUN",
        "SEED",
        "WORKERS",
        "SLOTS",
        "DB_POOL",
        "STACK",
        "UPGRADE",
        "MAKEFLAGS",
        "MAKELEVEL",
        "MFLAGS",
    )
    return {name: value for name, value in os.environ.items() if name not in ours} | (more or {})


def edit(path: Path, old: str, new: str) -> None:
    """Replaces a text that must be in the file."""
    text = path.read_text()
    assert old in text, f"{path.name} no longer has {old!r}"
    path.write_text(text.replace(old, new))
