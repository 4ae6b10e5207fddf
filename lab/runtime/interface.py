"""What a runtime does: start arms, say how to watch them, stop them. There are two: `docker.py` and `process.py`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from lab.errors import LabError
from lab.model.stack import Arm, Service, Target
from lab.paths import ROOT

Describe = Callable[[Mapping[str, str]], Mapping[str, Service]]
"""Variables -> the services of docker-compose.yml, read with them."""


class Runtime(Protocol):
    """Starts and stops arms; an arm is known by its label."""

    name: str

    def lacks(self, service: str) -> str | None:
        """Why the service cannot be started on this machine, in a sentence; None if it can."""

    def prepare(self, services: Iterable[str]) -> None:
        """Makes what the services need before they can start (images); may take minutes."""

    def not_applied(self, services: Iterable[str]) -> list[str]:
        """Keys of docker-compose.yml that these services have and this runtime does not honour here."""

    def create(self, arms: Sequence[Arm], logs: Path) -> None:
        """Make arms ready to `run`; their output is in `logs`/<label>.log at the latest when they stop.

        Raises:
            LabError: nothing of it could be made.
        """

    def run(self, label: str) -> None:
        """Start a created arm without waiting for its health.

        Raises:
            LabError: it could not be started.
        """

    def target(self, label: str) -> Target:
        """Raises LabError where the arm is not running (any more)."""

    def log_tail(self, label: str, lines: int = 20) -> tuple[str, ...]:
        """The last lines that the arm printed, also of one that was stopped."""

    def stop(self, labels: Iterable[str]) -> None:
        """Stops these arms, orderly first; those that are gone already are no error."""

    def stop_all(self) -> None:
        """Stops whatever this checkout has started in this runtime, by this process or an earlier one."""

    def close(self) -> None:
        """Ends the connection to the engine, where there is one; what runs goes on running."""

    def identify(self, label: str) -> dict[str, str]:
        """What identifies the running program: the image's id and the Python in it, as far as there is such a thing."""

    def image_layers(self, service: str) -> dict[str, int] | None:
        """Digest -> bytes of the layers of the image that a prepared service runs in; None where there is no image."""


def refuse_missing_locks(services: Iterable[Service]) -> None:
    """Raise a LabError where the packages of a service are not locked: neither an image nor the environment can have them."""
    for service in services:
        if service.lock and not (ROOT / service.lock).exists():
            raise LabError(f"{service.lock}, which {service.name} installs, is missing: run `make lock`.")


def died(runtime: Runtime, label: str) -> str | None:
    """Return why an arm is not running; None while it is."""
    try:
        runtime.target(label)
    except LabError as error:
        return str(error)
    return None


def last_lines(log: Path | None, lines: int) -> tuple[str, ...]:
    """Return the end of a log file; nothing where there is none."""
    if log is None or not log.exists():
        return ()
    return tuple(log.read_text(errors="replace").splitlines()[-lines:])
