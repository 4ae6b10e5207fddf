"""Ask the container engine with its own command, which takes 0.1 s; the import of the docker SDK takes longer."""

import os
import subprocess

from lab.errors import LabError

CALL_TIMEOUT_S = 60
_SILENT = "No container engine answers here: start Docker, or use RUNTIME=process."


def version() -> str:
    """Return the version of the engine that the docker SDK would connect to.

    Raises:
        LabError: no engine answers, or Compose v2 is missing.
    """
    answer = _docker("version", "--format", "{{.Server.Version}}")
    if answer is None:
        raise LabError(_SILENT)
    if _docker("compose", "version") is None:
        raise LabError(
            "The engine answers, but `docker compose` (v2) is missing: install Docker's compose plugin, or use RUNTIME=process."
        )
    return answer


def has_image(name: str) -> bool:
    """Return whether the engine has an image of this name.

    Raises:
        LabError: no engine answers.
    """
    ids = _docker("image", "ls", "--quiet", name)
    if ids is None:
        raise LabError(_SILENT)
    return bool(ids)


def _docker(*words: str) -> str | None:
    """Return the output of a docker command; None if it fails. The SDK knows the default context only."""
    environment = {**os.environ, "DOCKER_CONTEXT": "default"}
    try:
        done = subprocess.run(
            ["docker", *words], env=environment, capture_output=True, text=True, timeout=CALL_TIMEOUT_S, check=False
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
