"""Which runtime: `docker` where an engine answers, else `process`."""

from collections.abc import Mapping

from lab.errors import LabError
from lab.launch import engine
from lab.launch.process import ProcessRuntime
from lab.launch.runtime import Describe, Runtime

AUTO = "auto"
CHOICES = (AUTO, "docker", "process")


def resolve(name: str) -> str:
    """`auto` becomes the runtime that this machine has.

    Raises:
        LabError: there is no such runtime.
    """
    if name not in CHOICES:
        raise LabError(f"There is no runtime {name!r}; choose one of {', '.join(CHOICES)}.")
    return available()[0] if name == AUTO else name


def available() -> list[str]:
    """The runtimes that this machine has, the preferred one first."""
    try:
        engine.version()
    except LabError:
        return ["process"]
    return ["docker", "process"]


def make(name: str, describe: Describe, variables: Mapping[str, str]) -> Runtime:
    """The runtime of that name (not `auto`), with the variables that docker-compose.yml is read with."""
    if name == "process":
        return ProcessRuntime(describe, variables)
    from lab.launch.docker import DockerRuntime  # late: the docker SDK takes 0.2 s to import

    return DockerRuntime(describe, variables)
