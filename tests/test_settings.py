"""What stacks really run with, and whether that is the equal budget: real sockets, processes and servers."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab.model.effective import recorded, versions
from lab.model.stack import Exempt, Service, Setting, SettingValue, Stack, Target
from lab.paths import ROOT
from lab.run import provenance
from lab.settings import kernel, labels
from lab.settings.budget import not_taken, unequal
from lab.settings.idle import kept_s
from lab.settings.reading import configured, known
from tests.conftest import edit, lab, until
from tests.server import Peer, Server, polite, response

BUDGET = {"LAB_SLOTS": 40, "LAB_DB_POOL": 20, "LAB_BACKLOG": 2048, "LAB_KEEP_ALIVE_S": 75}
SERVICE = Service(name="one", command=("serve",), budget=BUDGET, ulimits={"nofile": 16384}, cpuset=(0, 1))
FAIR: dict[str, SettingValue] = {"slots": 40, "db_pool": 20, "backlog": 2048, "nofile": 16384, "cpus": "0, 1"}
FORKS_TWICE = """
import os, socket, sys, time
listener = socket.create_server(("127.0.0.1", 0), backlog=7)
print(listener.getsockname()[1], flush=True)
os.fork() and os.fork()
time.sleep(60)
"""


def findings(exceptions: dict[str, Exempt] | None = None, /, **changes: SettingValue) -> list[str]:
    """What is found of a stack that has its share of the budget but for `changes`."""
    stack = Stack(name="one", framework="f", server="s", model="async", port=1, exceptions=exceptions or {})
    settings = {name: Setting(value=value, source="read") for name, value in {**FAIR, **changes}.items()}
    return unequal(stack, SERVICE, settings)


def test_a_stack_with_the_equal_budget_has_no_findings() -> None:
    assert findings() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("slots", 41), ("slots", None), ("db_pool", 19), ("backlog", 100), ("nofile", 1024), ("cpus", "0")],
)
def test_what_differs_from_the_budget_is_found_unless_it_is_declared(name: str, value: SettingValue) -> None:
    (finding,) = findings(**{name: value})
    assert f"{value if value is not None else 'none'} (read) instead of {FAIR[name]}" in finding
    assert findings({name: Exempt(value=value, why="it cannot")}, **{name: value}) == []


def test_an_exception_allows_only_what_it_declares() -> None:
    (finding,) = findings({"db_pool": Exempt(value=40, why="no pool")}, db_pool=60)
    assert "60 (read) instead of 20 or 40" in finding


def test_an_exception_from_what_has_no_budget_is_found() -> None:
    assert len(findings({"no_such_setting": Exempt(value=1, why="?")})) == 1


def test_what_a_stack_always_has_may_be_what_the_budget_happens_to_be() -> None:
    """Laravel's one worker: no variant may ask for more of them."""
    assert findings({"slots": Exempt(value=40, why="it has no other")}) == []


def test_what_a_variant_asked_for_and_did_not_get_is_found_and_nothing_else() -> None:
    variant = SERVICE.model_copy(update={"variables": {"LAB_SLOTS": "40", "LAB_PORT": "1"}})
    read = {name: Setting(value=value, source="read") for name, value in {"slots": 4, "db_pool": 3}.items()}
    (sentence,) = not_taken(variant, "one+slots=40", read)
    assert sentence.startswith(
        "one+slots=40 asks for slots=40, and runs with 4 (read): what one runs must take it from LAB_SLOTS"
    )
    assert not_taken(SERVICE, "one", read) == []
    assert not_taken(variant, "one+slots=40", {"slots": Setting(value=40, source="configured")}) == []


@pytest.mark.parametrize(("kept", "found"), [(75.4, 0), (73.0, 0), (60.0, 1), (None, 1)])
def test_a_measured_time_may_be_a_little_off(kept: float | None, found: int) -> None:
    stack = Stack(name="one", framework="f", server="s", model="async", port=1)
    assert len(unequal(stack, SERVICE, {"keep_alive_s": Setting(value=kept, source="measured")})) == found


def test_the_backlog_is_what_the_kernel_says() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=7) as listener:
        port = listener.getsockname()[1]
        assert kernel.backlog(port) == 7
        listener.listen(3)
        assert kernel.backlog(port) == 3
    assert kernel.backlog(port) is None


@pytest.fixture
def forked() -> Iterator[tuple[Target, int]]:
    """A process that listens and has two children that accept: target and port."""
    process = subprocess.Popen([sys.executable, "-c", FORKS_TWICE], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Target(pid=process.pid, contained=False), int(process.stdout.readline())
    finally:
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.kill()
        process.wait()
        process.stdout.close()


def test_workers_are_the_processes_that_accept_and_not_their_master(forked: tuple[Target, int]) -> None:
    target, port = forked
    until(lambda: kernel.seen(target, port)["processes"] == 3)
    seen = kernel.seen(target, port)  # the one before may have counted workers while there were fewer
    assert (seen["workers"], seen["threads"], seen["backlog"]) == (2, 3, 7)
    assert seen["cpus"] == ", ".join(map(str, sorted(os.sched_getaffinity(0))))
    assert seen["nofile"] == psutil.Process().rlimit(psutil.RLIMIT_NOFILE)[0]


def test_what_cannot_be_read_is_not_in_it() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert kernel.seen(Target(pid=ended.pid, contained=False), 1) == {}


async def closes_with_the_response(peer: Peer) -> None:
    await peer.request()
    await peer.send(response(headers=b"Connection: close\r\n"))


async def closes_without_a_word(peer: Peer) -> None:
    await peer.request()
    await peer.answer()


def test_how_long_an_idle_connection_is_kept_is_measured() -> None:
    with contextlib.ExitStack() as running:
        ports = {
            talk.__name__: running.enter_context(Server(talk)).port
            for talk in (polite, closes_with_the_response, closes_without_a_word)
        }
        kept = kept_s({**ports, "not there": 1}, most_s=0.5)
    assert kept["polite"] is None
    assert kept["closes_with_the_response"] == 0
    assert 0 < (kept["closes_without_a_word"] or 0) < 0.4
    assert "not there" not in kept


def test_settings_of_a_run_are_read_in_the_shape_of_the_first_runs_too() -> None:
    first = {"LAB_SLOTS": "40", "LAB_STACK": "one", "LAB_UPSTREAM_URL": "http://127.0.0.1:1", "command": "serve"}
    now = {"slots": {"value": 40, "source": "read"}}
    assert recorded({"knobs": {"first": first}}) == recorded({"settings": {"first": first}})
    found = recorded({"settings": {"first": first, "now": now}})
    assert {name: setting.value for name, setting in found["first"].items()} == {"slots": 40, "command": "serve"}
    assert found["now"]["slots"].source == "read"
    assert recorded({}) == {}


def test_versions_are_those_that_ran() -> None:
    settings = {"language": Setting(value="php 8.4.1", source="read"), "slots": Setting(value=40, source="read")}
    assert versions(settings) == {"php": "8.4.1"}


def test_packages_of_npm_are_read_from_its_lock_file() -> None:
    (lock,) = (ROOT / "stacks").glob("*/package-lock.json")
    packages = provenance.locked_versions(lock)
    assert {"express", "pg", "undici", "ws"} <= set(packages)
    assert "" not in packages


def test_a_pool_of_connections_is_not_asked_of_a_stack_that_serves_no_path_for_it() -> None:
    none = {"db_pool": Setting(value=None, source="read")}
    omitting = Stack(name="a", framework="A", server="S", model="async", port=1, omits={"/db/": "it has no database"})
    assert unequal(omitting, SERVICE, none) == []
    assert len(unequal(omitting.model_copy(update={"omits": {}}), SERVICE, none)) == 1


LABELLED = Stack(
    name="one", framework="FastAPI, by hand", server="Apache and PHP-FPM", loop="uvloop", parser="h11", handlers="async", model="async", port=1
)  # fmt: skip
TRUE = {"framework": "fastapi 0.165.0", "server": "apache 2.4.65", "loop": "uvloop.Loop", "parser": "h11"}


def untrue(**changes: SettingValue) -> list[str]:
    """What is found of a stack that has what its labels say but for `changes`."""
    said: dict[str, SettingValue] = {**TRUE, **changes}
    return labels.untrue(LABELLED, {name: Setting(value=value, source="read") for name, value in said.items()})


def test_labels_that_the_running_server_confirms_are_no_findings() -> None:
    assert untrue() == []
    assert untrue(server="php-fpm 8.4.1") == []


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        ("framework", "starlette 1.10.0"),
        ("server", "uvicorn 0.54.0"),
        ("server", "fpm 1"),
        ("loop", "asyncio.unix_events._UnixSelectorEventLoop"),
        ("loop", None),
        ("parser", "httptools"),
        ("parser", ""),
    ],
)
def test_a_label_that_the_running_server_contradicts_is_found(factor: str, said: str | None) -> None:
    (finding,) = untrue(**{factor: said})
    declared = getattr(LABELLED, factor)
    assert finding.startswith(
        f"one: the label lab.{factor} says {declared}, the running server says {said if said is not None else 'none'}"
    ), finding


def test_what_is_not_declared_or_not_said_is_no_finding() -> None:
    assert labels.untrue(LABELLED, {}) == []
    of_the_server = LABELLED.model_copy(update={"loop": None, "parser": None})
    assert labels.untrue(of_the_server, {"loop": Setting(value="gevent.loop", source="read")}) == []


@pytest.mark.slow
def test_a_real_stack_with_another_budget_is_found_by_verify(checkout: Path) -> None:
    compose = checkout / "docker-compose.yml"
    edit(compose, "- *keep_alive", '- "3"')
    edit(compose, "${LAB_KEEP_ALIVE_S:-75}", "${LAB_KEEP_ALIVE_S:-8}")
    edit(
        compose,
        'LAB_STACK: "fastapi-uvicorn${LAB_ARM:-}"',
        'LAB_STACK: "fastapi-uvicorn${LAB_ARM:-}", LAB_DB_POOL: "21"',
    )
    edit(compose, "- *backlog", '- "99"')
    edit(compose, "--threads\n      - *slots", "--threads=39")
    edit(compose, "lab.parser: httptools", "lab.parser: h11")
    done = lab(checkout, "verify", env={"RUNTIME": "process", "STACKS": "fastapi-uvicorn,flask-gunicorn"})
    assert done.returncode == 1
    for finding in (
        "fastapi-uvicorn: connections to PostgreSQL at most: 21 (read) instead of 20",
        "fastapi-uvicorn: listen backlog: 99 (read) instead of 2048",
        "flask-gunicorn: slots: requests at once where each needs a thread: 39 (read) instead of 40; "
        "fix it, or add the line `slots=39: <why>` to the label lab.exceptions",
        "flask-gunicorn: an idle connection is kept, s: 3 (read) instead of 8",
        "flask-gunicorn: an idle connection is kept, s: 3.",
        "fastapi-uvicorn: the label lab.parser says h11, the running server says httptools (GET /settings)",
    ):
        assert finding in done.stderr, done.stderr


@pytest.mark.parametrize("body", [b"null", b"7", b"[]", b"no json", b'{"slots": [1], "loop": {"a": 1}}'])
def test_a_server_that_says_nonsense_of_itself_is_known_by_what_it_was_started_with(body: bytes) -> None:
    async def nonsense(peer: Peer) -> None:
        while await peer.request():
            await peer.answer(body)

    with Server(nonsense) as server:
        found = known(SERVICE, Target(pid=os.getpid(), contained=False), server.port)
    assert all(found[name] == setting for name, setting in configured(SERVICE).items() if name not in kernel_names())
    assert "loop" not in found


def kernel_names() -> set[str]:
    return set(kernel.seen(Target(pid=os.getpid(), contained=False), 1))
