"""Serving processes that are replaced under load are counted; helpers that come and go with a request are not."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path

import pytest

from lab.host import cgroups, processes
from lab.host.replaced import LASTS_S, Turnover
from lab.model.stack import Target
from tests.conftest import checkout_copied_to, edit, measured, until

FLASK, LIMITED = "flask-gunicorn", 2000
LIVES_S, TIMES = 2 * LASTS_S, 3
PARENT = f"""
import os, socket, subprocess, sys, time
listener = socket.create_server(("127.0.0.1", 0))

def worker():
    if os.fork() == 0:
        time.sleep({LIVES_S})
        os._exit(0)

def helper():
    subprocess.Popen(["sleep", "{LIVES_S}"])

for line in sys.stdin:
    {{"worker": worker, "helper": helper}}[line.strip()]()
    print(os.wait()[0], flush=True)
"""
"""Has one child at a time: a worker that inherits its socket, or a program that helps with a request."""


@pytest.mark.slow
def test_workers_that_gunicorn_replaces_after_so_many_requests_are_counted(tmp_path: Path) -> None:
    with checkout_copied_to(tmp_path / "checkout") as copy:
        assert measured(copy, FLASK, window_s=1).serving_replaced == 0
        command = "      - --forwarded-allow-ips=\n      - stacks.flask.app:app\n"
        edit(copy / "docker-compose.yml", command, f"      - --max-requests={LIMITED}\n{command}")
        limited = measured(copy, FLASK, window_s=8)
    assert limited.serving_replaced is not None
    assert limited.serving_replaced >= 1
    assert limited.serving_replaced == pytest.approx(limited.driven.completed / LIMITED, abs=1.5)
    assert limited.usage["server"].cpu_s is None, "each worker's helpers ended with it"


@contextmanager
def parent(code: str = PARENT) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def look_while(process: "subprocess.Popen[bytes]", children: str, target: Target) -> Turnover:
    """Look while TIMES children come and go one after the other, and until one more has lived for some time."""
    assert process.stdin is not None
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    process.stdin.write(f"{children}\n".encode() * (TIMES + 1))
    process.stdin.flush()
    until(lambda: len(processes.tree(process.pid)) > 1)
    turnover, ended, stops_s = Turnover(target), b"", inf
    while time.monotonic() < stops_s:
        turnover.look()
        ended += process.stdout.read() or b""
        if ended.count(b"\n") == TIMES and stops_s == inf:
            stops_s = time.monotonic() + 1.5 * LASTS_S
        time.sleep(LASTS_S / 10)
    return turnover


@pytest.mark.parametrize(("children", "replaced"), [("worker", 3), ("helper", 0)])
def test_workers_count_and_programs_that_help_with_a_request_do_not(children: str, replaced: int) -> None:
    with parent() as process:
        turnover = look_while(process, children, Target(pid=process.pid, contained=False))
    assert turnover.replaced() == replaced


def test_processes_of_a_container_are_those_of_its_control_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its list is read at each look; a pid that was given again meanwhile is another process."""
    monkeypatch.setattr(cgroups, "_CGROUPS", tmp_path)
    monkeypatch.setattr(cgroups, "_PROC", tmp_path)
    (tmp_path / "cgroup.controllers").write_text("cpu pids\n")
    (tmp_path / "4711").mkdir()
    (tmp_path / "4711/cgroup").write_text("0::/\n")
    (tmp_path / "cgroup.procs").write_text(f"{os.getpid()}\n")
    turnover = Turnover(Target(pid=4711, contained=True))
    turnover.look()
    assert turnover.replaced() is None, "one look sees no change"
    with parent() as process:
        time.sleep(1.5 * LASTS_S)
        (tmp_path / "cgroup.procs").write_text(f"{process.pid}\n")
        turnover.look()
        assert turnover.replaced() == 1
    (tmp_path / "cgroup.procs").unlink()
    turnover.look()
    assert turnover.replaced() is None, "a look that fails may have missed some"
