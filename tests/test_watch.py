"""Processes that are watched while they end, are replaced, or cannot be read: nothing of it becomes 0."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lab.analysis import stats
from lab.errors import LabError
from lab.host import processes, readings
from lab.model.outcome import Usage
from lab.model.stack import Target
from tests.synthetic import sample

Tell = Callable[[str], str]
"""Give the process a line and wait for the one that it answers."""

SUPERVISOR = """
import os, signal, sys, time
IGNORED and signal.signal(signal.SIGCHLD, signal.SIG_IGN)

def burn(seconds):
    end_s = time.process_time() + seconds
    while time.process_time() < end_s: pass

def help():
    waits, ready = os.pipe()
    gone, held = os.pipe()
    if os.fork():
        os.close(ready)
        os.read(waits, 1)
        return
    os.close(held)
    burn(0.1)
    os.close(ready)
    os.read(gone, 1)
    os._exit(0)

def worker(burns_s, has_helper):
    ended, may_end = os.pipe()
    pid = os.fork()
    if pid:
        os.close(ended)
        return pid, may_end
    os.close(may_end)
    burn(burns_s)
    has_helper and help()
    print("burnt", flush=True)
    os.read(ended, 1)
    os._exit(0)

print("ready", flush=True)
for line in sys.stdin:
    match line.split():
        case ["start", burns_s, *helper]: pid, may_end = worker(float(burns_s), bool(helper))
        case ["end"]:
            os.close(may_end)
            try: os.waitpid(pid, 0)
            except ChildProcessError: pass  # nobody may wait for it: SIGCHLD is ignored
            print("ended", flush=True)
"""
"""Starts a worker that burns so much CPU time and ends when it is told to, as a server replaces one."""


@pytest.fixture
def supervise() -> Iterator[Callable[..., tuple[Target, Tell]]]:
    """Start a supervisor, which waits for its workers or lets the kernel forget them."""
    with ExitStack() as running:

        def start(waits: bool) -> tuple[Target, Tell]:
            code = SUPERVISOR.replace("IGNORED", str(not waits))
            process = subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            running.enter_context(process)
            running.callback(process.kill)
            orders, answers = process.stdin, process.stdout
            assert orders is not None
            assert answers is not None

            assert answers.readline() == "ready\n"  # its own start is not to be counted

            def tell(line: str) -> str:
                print(line, file=orders, flush=True)
                return answers.readline().strip()

            return Target(pid=process.pid, contained=False), tell

        yield start


def used_while_replaced(target: Target, tell: Tell) -> Usage:
    """The first worker has used 83 ms when the window begins, the second uses 500 ms in it."""
    assert tell("start 0.083") == "burnt"
    before = readings.read(target)
    assert tell("end") == "ended"
    assert tell("start 0.5") == "burnt"
    after = readings.read(target)
    return readings.usage(before, after, after.at_s - before.at_s, None)


def test_a_worker_that_ended_in_the_window_keeps_its_cpu_time(supervise: Callable[..., tuple[Target, Tell]]) -> None:
    """Sums of who is alive say 417 us for each of 1,000 requests; 500 us were used."""
    used = used_while_replaced(*supervise(waits=True))
    cost = stats.cpu_us_per_request(sample(rps=500, usage={"server": used}))
    assert cost == pytest.approx(500, abs=25)
    assert used.context_switches is None, "its threads took theirs with them"


def test_cpu_time_that_nobody_waited_for_is_not_known(supervise: Callable[..., tuple[Target, Tell]]) -> None:
    used = used_while_replaced(*supervise(waits=False))
    assert used.cpu_s is None
    assert stats.cpu_us_per_request(sample(rps=500, usage={"server": used})) is None


def test_a_helper_that_outlives_its_worker_makes_the_sum_unsure(supervise: Callable[..., tuple[Target, Tell]]) -> None:
    """Nobody of the tree waits for it: its 100 ms are missing, which only a look at the living helper shows."""
    target, tell = supervise(waits=True)
    before = readings.cpu(target)
    assert tell("start 0.2 helped") == "burnt"
    look = readings.cpu(target)
    assert look is not None
    assert tell("end") == "ended"
    assert tell("start 0.2") == "burnt"
    after = readings.cpu(target)
    assert readings.used_s(before, after) == pytest.approx(0.4, abs=0.05)
    assert readings.used_s(before, after, [look]) is None


def test_a_worker_that_is_killed_with_its_supervisor_is_not_known() -> None:
    gone, heir = processes.Process(2, 1), processes.Process(1, 1)
    alive = {heir: processes.Account(parent=0, own_s=1.0)}
    assert processes.used_s(alive | {gone: processes.Account(parent=9, own_s=0.3)}, alive) is None


def test_a_pid_that_was_given_again_is_another_process() -> None:
    parent, before, after = processes.Process(1, 1), processes.Process(2, 10), processes.Process(2, 900)
    first = {parent: processes.Account(0, 1.0), before: processes.Account(1, 5.0)}
    second = {parent: processes.Account(0, 1.0, reaped_s=5.5), after: processes.Account(1, 0.25)}
    assert processes.used_s(first, second) == pytest.approx(0.75)


def test_on_a_kernel_without_lists_of_children_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONFIG_PROC_CHILDREN: such a kernel has the folder of the thread and no `children` in it."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        target = Target(pid=process.pid, contained=False)
        assert readings.cpu_s(target) is not None
        (tmp_path / str(process.pid) / "task" / str(process.pid)).mkdir(parents=True)
        stat = Path(f"/proc/{process.pid}/stat").read_text()
        (tmp_path / str(process.pid) / "stat").write_text(stat)
        monkeypatch.setattr(processes, "_PROC", tmp_path)
        reading = readings.read(target)
        assert (reading.cpu, reading.switches) == (None, None)
        assert readings.cpu_s(target) is None
        assert readings.memory_bytes(target) is None
        assert readings.usage(reading, readings.read(target), 1, None) == Usage()


def test_a_descendant_that_ends_meanwhile_has_no_memory_and_takes_none_from_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    target = Target(pid=os.getpid(), contained=False)
    monkeypatch.setattr(processes, "tree", lambda pid: [pid, ended.pid])
    assert (readings.memory_bytes(target) or 0) > 1e6
    assert readings.memory_bytes(Target(pid=ended.pid, contained=False)) is None


def test_a_process_that_has_ended_is_not_read_although_its_parent_has_not_asked_for_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        target = Target(pid=process.pid, contained=False)
        assert len(readings.read(target).switches or ()) == 1
        process.kill()
        deadline = time.monotonic() + 5
        with pytest.raises(LabError, match=f"Process {process.pid} ended"):
            while time.monotonic() < deadline:
                readings.read(target)


def test_counters_that_went_backwards_are_no_share() -> None:
    before = readings.CoreReading(busy_s=5, stolen_s=2, total_s=10)
    after = readings.CoreReading(busy_s=5.5, stolen_s=1.9, total_s=11)
    assert readings.busy_share(before, after) == 0.5
    assert readings.stolen_share(before, after) is None
