"""The docker runtime: Compose v2 starts and stops, the docker SDK inspects and reads logs."""

import contextlib
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import docker
from docker.errors import DockerException, NotFound
from docker.models.containers import Container

from lab.errors import LabError
from lab.model.stack import Arm, Target
from lab.paths import COMPOSE_FILE, COMPOSE_PROJECT, ROOT
from lab.runtime import engine
from lab.runtime.interface import Describe, Runtime, last_lines, refuse_missing_locks
from lab.runtime.layers import Layers, layers
from lab.signals import deaf

T = TypeVar("T")

_PROJECT, _SERVICE = "com.docker.compose.project", "com.docker.compose.service"
"""Labels of each container."""
_BUILD_TIMEOUT_S = _OUTPUT_TIMEOUT_S = 1800


class DockerRuntime(Runtime):
    """Containers on the host's network, in one Compose project; variants and the A/A arm have projects of their own."""

    name = "docker"

    def __init__(self, describe: Describe, variables: Mapping[str, str]) -> None:
        self._describe = describe
        self._variables = {"LAB_PROJECT": COMPOSE_PROJECT, **variables}
        self._client = connect()
        self._running: dict[str, tuple[Arm, Container]] = {}
        """Label -> arm and container (running or not)."""
        self._logs: dict[str, Path] = {}
        """Label -> log of an arm, written when it is stopped."""

    def prepare(self, services: Iterable[str], arms: Iterable[Arm] = ()) -> None:
        """Build the images of the services whose inputs changed, and those of arms with a base image of their own.

        Raises:
            LabError: with the end of the build's output, or the base image that is not here.
        """
        described, services = self._describe(self._variables), list(services)
        refuse_missing_locks(described[name] for name in services)
        _compose(["build", "--quiet", *services], COMPOSE_PROJECT, self._variables, _BUILD_TIMEOUT_S)
        for project, variables, group in _by_project(arm for arm in arms if "LAB_BASE_IMAGE" in arm.variables):
            if not engine.has_image(image := variables["LAB_BASE_IMAGE"]):
                raise LabError(
                    f"{group[0].label}: the engine has no image {image}; call `docker pull {image}`, or leave it out."
                )
            names = [arm.service for arm in group]
            _compose(["build", "--quiet", *names], project, self._variables | variables, _BUILD_TIMEOUT_S)

    def create(self, arms: Sequence[Arm], logs: Path) -> None:
        """See Runtime.create: Compose makes the containers here, since that takes longer than to start them."""
        for project, variables, group in _by_project(arms):
            names = [arm.service for arm in group]
            up = ["up", "--no-start", "--no-deps", "--no-build", "--force-recreate", "--quiet-pull", *names]
            try:
                _compose(up, project, self._variables | variables)
            except LabError:
                with contextlib.suppress(LabError):  # containers that were made nevertheless would be in the way
                    _compose(["rm", "--stop", "--force", *names], project, self._variables)
                raise
            made = _containers(self._client, f"{_PROJECT}={project}")
            containers = {container.labels[_SERVICE]: container for container in made}
            for arm in group:
                self._running[arm.label] = arm, containers[arm.service]
                self._logs[arm.label] = logs / f"{arm.label}.log"

    def run(self, label: str) -> None:
        _asked(self._running[label][1].start)

    def output_of(self, service: str, words: Sequence[str]) -> str:
        """See Runtime.output_of: Compose makes a container for one command, which is not the service's own."""
        command = ["run", "--no-deps", "--no-TTY", service, *words]
        try:
            return _compose(command, COMPOSE_PROJECT, self._variables, _OUTPUT_TIMEOUT_S)
        finally:
            with deaf():
                for container in _containers(self._client, f"{_PROJECT}={COMPOSE_PROJECT}"):
                    if container.labels[_SERVICE] == service:
                        _asked(partial(container.remove, force=True))

    def target(self, label: str) -> Target:
        if label not in self._running:
            raise LabError(f"{label} is not running.")
        container = self._running[label][1]
        _asked(container.reload)
        pid = int(container.attrs["State"]["Pid"])
        if not pid:
            raise LabError(f"{label} is not running (exit status {container.attrs['State']['ExitCode']}).")
        return Target(pid=pid, contained=True)

    def log_tail(self, label: str, lines: int = 20) -> tuple[str, ...]:
        if label not in self._running:
            return last_lines(self._logs.get(label), lines)
        container = self._running[label][1]
        try:
            return tuple(container.logs(tail=lines).decode(errors="replace").splitlines())
        except (DockerException, OSError) as error:
            return (f"(the log of {label} could not be read: {error})",)

    def stop(self, labels: Iterable[str]) -> None:
        running = [self._running.pop(label) for label in labels if label in self._running]
        for arm, container in running:
            with contextlib.suppress(DockerException, OSError):  # without an engine there is none to save
                self._logs[arm.label].write_bytes(container.logs())
        for project, _, group in _by_project(arm for arm, _ in running):
            _compose(["rm", "--stop", "--force", *(arm.service for arm in group)], project, self._variables)

    def stop_all(self) -> None:
        """See Runtime.stop_all: everything of this checkout's projects, networks and volumes included."""
        self.stop(list(self._running))
        for project in {container.labels[_PROJECT] for container in _containers(self._client, _PROJECT)}:
            if project == COMPOSE_PROJECT or project.startswith(f"{COMPOSE_PROJECT}-"):
                _compose(["--profile", "*", "down", "--remove-orphans", "--volumes"], project, self._variables)

    def close(self) -> None:
        self._client.close()

    def identify(self, label: str) -> dict[str, str]:
        container = self._running[label][1]
        found = {"image": str(container.attrs["Image"])}
        answer = _asked(lambda: container.exec_run(["python3", "--version"]))
        return found | ({"python": cast("bytes", answer.output).decode().split()[-1]} if answer.exit_code == 0 else {})

    def image_layers(self, service: str) -> Layers | None:
        name = self._describe(self._variables)[service].image
        return _asked(lambda: layers(self._client.images.get(name))) if name else None


def connect() -> docker.DockerClient:
    """Return a client of the engine, for the caller to close.

    Raises:
        LabError: no engine answers, or Compose v2 is missing.
    """
    engine.version()
    return _asked(lambda: docker.from_env(timeout=engine.CALL_TIMEOUT_S))


def _compose(
    words: Sequence[str], project: str, variables: Mapping[str, str], timeout_s: float = engine.CALL_TIMEOUT_S
) -> str:
    """Run `docker compose` and return its standard output, in a session of its own so that Ctrl-C does not interrupt it.

    It gets this shell's environment, with no other LAB_ variable (those of docker-compose.yml) than those given.
    """
    others = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")}
    command = ["docker", "compose", "--env-file", os.devnull, "--file", str(COMPOSE_FILE)]
    try:
        done = subprocess.run(
            [*command, "--project-name", project, *words],
            cwd=ROOT,
            env=others | dict(variables),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LabError(
            f"`docker compose {words[0]}` did not answer within {timeout_s:.0f} s: restart the engine if it does not respond."
        ) from None
    if done.returncode:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise LabError(f"`docker compose {words[0]}` failed:\n{tail}")
    return done.stdout


def _by_project(arms: Iterable[Arm]) -> Iterator[tuple[str, dict[str, str], list[Arm]]]:
    """Yield project, variables and the arms that share both, so that one call of Compose serves them.

    Compose cannot run a service twice in one project, so variants and the A/A arm have their own.
    """
    groups: dict[tuple[object, ...], list[Arm]] = {}
    for arm in arms:
        groups.setdefault((_project_of(arm), *arm.variables.items()), []).append(arm)
    for group in groups.values():
        yield _project_of(group[0]), group[0].variables, group


def _project_of(arm: Arm) -> str:
    """Return the project, which containers are named after: no other character may be in it."""
    return COMPOSE_PROJECT + re.sub(r"[^a-z0-9_]+", "-", arm.label.removeprefix(arm.service))


def _containers(client: docker.DockerClient, label: str) -> list[Container]:
    """Return the containers with a label, running or not."""
    return _asked(lambda: client.containers.list(all=True, filters={"label": label}, ignore_removed=True))


def _asked(question: Callable[[], T]) -> T:
    try:
        return question()
    except NotFound:
        raise LabError("A container of the run is gone: another program removed it. Start the command again.") from None
    except (DockerException, OSError) as error:
        raise LabError(f"The container engine does not answer ({error}): see `make doctor`.") from None
