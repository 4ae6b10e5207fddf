"""Choose the runtime: `docker` where an engine answers, else `process`."""

from functools import partial

from lab.config import compose
from lab.config.project import Project
from lab.errors import LabError
from lab.paths import COMPOSE_FILE
from lab.runtime import engine
from lab.runtime.interface import Runtime
from lab.runtime.process import ProcessRuntime

AUTO = "auto"
CHOICES = (AUTO, "docker", "process")


def resolve(name: str) -> str:
    """Return the runtime of that name; for `auto`, the one that this machine has.

    Raises:
        LabError: there is no such runtime.
    """
    if name not in CHOICES:
        raise LabError(f"There is no runtime {name!r}: choose one of {', '.join(CHOICES)}.")
    return available()[0] if name == AUTO else name


def available() -> list[str]:
    """Return the runtimes that this machine has, the preferred one first."""
    try:
        engine.version()
    except LabError:
        return ["process"]
    return ["docker", "process"]


def runtime(project: Project, name: str) -> Runtime:
    """Return the runtime of that name, `auto` included, for the services of a project.

    Raises:
        LabError: there is no such runtime, or this machine does not have it.
    """
    describe = partial(compose.read, COMPOSE_FILE)
    if resolve(name) == "process":
        return ProcessRuntime(describe, project.variables)
    from lab.runtime.docker import DockerRuntime  # late: the docker SDK takes 0.2 s to import

    return DockerRuntime(describe, project.variables)
