"""Starting, watching and stopping real processes."""

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from lab.errors import LabError
from lab.host import readings
from lab.model.stack import Arm, Service
from lab.runtime import process
from lab.runtime.process import ProcessRuntime
from tests.conftest import until

SPAWNS_A_CHILD = (
    "import subprocess,sys,time; subprocess.Popen([sys.executable,'-c','import time; time.sleep(60)']); time.sleep(60)"
)
SPAWNS_A_DAEMON = (
    "import os,pathlib,subprocess,sys,time; "
    "daemon = subprocess.Popen([sys.executable,'-c','import time; time.sleep(60)'], start_new_session=True); "
    "pathlib.Path('{folder}/daemon').write_text(str(daemon.pid)); time.sleep(60)"
)
IGNORES_SIGTERM = (
    "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)
SAYS = "import os,sys; print(os.environ.get('LAB_X'), os.environ.get('SECRET'), sorted(os.sched_getaffinity(0)), os.getcwd())"
BURNS = "import time\nwhile True: pass"

Start = Callable[..., ProcessRuntime]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a process; what a lab that runs beside the tests has started is not known to these runtimes."""
    monkeypatch.setattr(process, "COMPOSE_PROJECT", f"test-{os.getpid()}")
    runtimes: list[ProcessRuntime] = []

    def started(code: str, **more: object) -> ProcessRuntime:
        service = Service.model_validate(
            {"name": "one", "command": (Path(sys.executable).name, "-c", code), "stop_grace_period_s": 0.3, **more}
        )
        runtime = ProcessRuntime(lambda _: {"one": service}, {})
        runtimes.append(runtime)
        runtime.create([Arm(label="one", service="one", port=1)], tmp_path)
        runtime.run("one")
        return runtime

    yield started
    for runtime in runtimes:
        runtime.stop_all()


def test_a_process_gets_its_environment_cpus_and_folder_and_nothing_of_this_shell(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "of the shell")
    cpu = max(os.sched_getaffinity(0))
    runtime = start(SAYS, environment={"LAB_X": "42"}, cpuset=(cpu,), working_dir="lab")
    until(lambda: "/lab" in "".join(runtime.log_tail("one")))
    assert runtime.log_tail("one")[0].startswith(f"42 None [{cpu}]")


def test_starting_leaves_this_process_on_its_own_cpus(start: Start) -> None:
    before = os.sched_getaffinity(0)
    start("pass", cpuset=(min(before),))
    assert os.sched_getaffinity(0) == before


def test_stopping_ends_the_children_too(start: Start) -> None:
    runtime = start(SPAWNS_A_CHILD)
    process = psutil.Process(runtime.target("one").pid)
    until(process.children)
    child = process.children()[0]
    runtime.stop(["one"])
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    with pytest.raises(LabError, match="one is not running"):
        runtime.target("one")


def test_a_process_that_ignores_its_signal_is_killed_after_the_grace_period(start: Start) -> None:
    runtime = start(IGNORES_SIGTERM)
    until(lambda: runtime.log_tail("one"))
    pid = runtime.target("one").pid
    runtime.stop(["one"])
    assert not psutil.pid_exists(pid)


def test_a_process_that_died_is_named_with_its_status(start: Start) -> None:
    runtime = start("import sys; print('no good'); sys.exit(3)")
    until(lambda: _dead(runtime))
    with pytest.raises(LabError, match="exit status 3"):
        runtime.target("one")
    assert runtime.log_tail("one") == ("no good",)


def _dead(runtime: ProcessRuntime) -> bool:
    try:
        runtime.target("one")
    except LabError:
        return True
    return False


def test_another_command_stops_what_an_earlier_one_left_whenever_that_was_killed(start: Start, tmp_path: Path) -> None:
    runtime = start(SPAWNS_A_DAEMON.format(folder=tmp_path))
    left = psutil.Process(runtime.target("one").pid)
    until(lambda: (tmp_path / "daemon").exists() and (tmp_path / "daemon").read_text())
    daemon = psutil.Process(int((tmp_path / "daemon").read_text()))
    (folder,) = Path(tempfile.gettempdir()).glob(f"{process.COMPOSE_PROJECT}-*")  # type: ignore[attr-defined]
    ProcessRuntime(lambda _: {}, {}).stop_all()  # knows only what can be seen of the machine
    assert not folder.exists()
    for one in (left, daemon):
        until(lambda one=one: not one.is_running() or one.status() == psutil.STATUS_ZOMBIE)  # type: ignore[misc]


def test_what_another_checkout_started_is_left_alone(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = start("import time; time.sleep(60)")
    with monkeypatch.context() as other:
        other.setattr(process, "COMPOSE_PROJECT", "another-checkout")
        ProcessRuntime(lambda _: {}, {}).stop_all()
    assert psutil.Process(runtime.target("one").pid).is_running()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    service = Service(name="one", command=("no-such-program",))
    with pytest.raises(LabError, match="one needs no-such-program, which is not on this machine"):
        ProcessRuntime(lambda _: {"one": service}, {}).prepare(["one"])
    del tmp_path


def test_what_a_service_needs_beside_its_program_is_named_where_it_is_missing() -> None:
    labels = {"whole": "sh, lab/cli.py", "program": "sh, no-such-program", "folder": "lab/no-such-folder"}
    services = {
        name: Service(name=name, command=("sh",), labels={"lab.needs": needs}) for name, needs in labels.items()
    }
    runtime = ProcessRuntime(lambda _: services, {})
    assert runtime.lacks("whole") is None
    assert "program needs no-such-program" in str(runtime.lacks("program"))
    assert "folder needs lab/no-such-folder" in str(runtime.lacks("folder"))


def test_cpu_time_is_that_of_the_whole_tree(start: Start) -> None:
    target = start(f"import subprocess,sys; subprocess.run([sys.executable, '-c', {BURNS!r}])").target("one")
    before = readings.read(target)
    until(lambda: (readings.used_s(before.cpu, readings.cpu(target)) or 0) > 0.2)
    used = readings.usage(before, readings.read(target), 1.0, readings.memory_bytes(target))
    assert used.cpu_s is not None
    assert 0 < used.cpu_s < 1.2
    assert used.memory_bytes is not None
    assert used.memory_bytes > 2**20
    assert used.threads == 2
    assert used.context_switches is not None


def test_cpu_time_is_that_of_all_threads(start: Start) -> None:
    code = "import threading\ndef burn():\n  while True: pass\nthreading.Thread(target=burn).start()\nburn()"
    target = start(code).target("one")
    until(lambda: len(readings.read(target).switches or ()) == 2)
    os.kill(target.pid, signal.SIGSTOP)
    stopped = readings.cpu_s(target)
    assert stopped is not None
    assert readings.cpu_s(target) == pytest.approx(stopped, abs=0.02)
    os.kill(target.pid, signal.SIGCONT)
    until(lambda: (readings.cpu_s(target) or 0) > stopped + 0.2)


def test_watching_what_has_ended_is_an_error_in_words(start: Start) -> None:
    runtime = start("import time; time.sleep(60)")
    target = runtime.target("one")
    runtime.stop(["one"])
    with pytest.raises(LabError, match="ended while it was watched"):
        readings.read(target)


def test_a_busy_core_is_seen_as_busy(start: Start) -> None:
    cpu = max(os.sched_getaffinity(0))
    start(BURNS, cpuset=(cpu,))
    before = readings.cores([cpu])[cpu]
    until(lambda: readings.cores([cpu])[cpu].total_s > before.total_s + 0.5)
    share = readings.busy_share(before, readings.cores([cpu])[cpu])
    assert share is not None
    assert share > 0.7
