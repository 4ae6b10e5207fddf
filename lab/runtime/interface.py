"""The interface of a runtime: it starts arms, gives what to watch, and stops them. See `docker.py` and `process.py`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from lab.errors import LabError
from lab.model.stack import Arm, Service, Target
from lab.paths import ROOT

Describe = Callable[[Mapping[str, str]], Mapping[str, Service]]
"""Variables -> the services of docker-compose.yml, read with them."""


class Runtime(Protocol):
    """Starts and stops arms; an arm is known by its label.

    The runtimes inherit these docstrings, and the answers of one that lacks nothing, applies everything and has no images.
    """

    name: str

    def lacks(self, service: str) -> str | None:
        """Return why the service cannot be started on this machine, in a sentence; None if it can."""
        del service
        return None

    def prepare(self, services: Iterable[str], arms: Iterable[Arm] = ()) -> None:
        """Make what the services need before they can start (images), and these arms of them; may take minutes.

        Raises:
            LabError: something is missing or cannot be made.
        """

    def not_applied(self, services: Iterable[str]) -> list[str]:
        """Return the keys of docker-compose.yml that these services have and this runtime does not apply here."""
        del services
        return []

    def create(self, arms: Sequence[Arm], logs: Path) -> None:
        """Make arms ready to `run`; their output is in `logs`/<label>.log at the latest when they stop.

        Raises:
            LabError: they could not be made; then none of them is left.
        """

    def run(self, label: str) -> None:
        """Start a created arm without waiting for its health.

        Raises:
            LabError: it could not be started.
        """

    def output_of(self, service: str, words: Sequence[str]) -> str:
        """Start a prepared service with these words as its command, wait for its end, and return its standard output.

        Raises:
            LabError: it failed, with the end of what it printed. Nothing of it is left then, or after a Ctrl-C.
        """

    def target(self, label: str) -> Target:
        """Return the process to watch.

        Raises:
            LabError: the arm is not running, or no longer.
        """

    def log_tail(self, label: str, lines: int = 20) -> tuple[str, ...]:
        """Return the last lines that the arm printed, also of one that was stopped."""

    def stop(self, labels: Iterable[str]) -> None:
        """Stop these arms, with their stop signal first; an arm that is gone already is no error."""

    def stop_all(self) -> None:
        """Stop everything that this checkout has started in this runtime, by this process or an earlier one."""

    def close(self) -> None:
        """End the connection to the engine, where there is one; running arms continue."""
        return

    def identify(self, label: str) -> dict[str, str]:
        """Return the image's id and the version of its Python, as far as the arm has them."""

    def image_layers(self, service: str) -> dict[str, int] | None:
        """Return digest -> bytes of the layers of a prepared service's image; None without an image."""
        del service
        return None


def refuse_missing_locks(services: Iterable[Service]) -> None:
    """Raise LabError if the packages of a service are not locked: no image and no environment can have them."""
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
    """Return the end of a log file; empty without a file."""
    if log is None or not log.exists():
        return ()
    return tuple(log.read_text(errors="replace").splitlines()[-lines:])
