"""All settings of a stack: what its process says, what the kernel says, and for the rest what it was started with."""

import json
from http.client import HTTPConnection, HTTPException
from typing import Any

from lab.model.effective import NAMES, Settings, of_variable
from lab.model.stack import Service, Setting, Target
from lab.settings import kernel

_PATIENCE_S = 10


def configured(service: Service) -> Settings:
    """Return what the stack was started with: its budget, its command line."""
    numbers = {of_variable(name): int(value) for name, value in service.environment.items() if value.isdecimal()}
    found = {name: value for name, value in numbers.items() if name in NAMES} | {"command": " ".join(service.command)}
    return {name: Setting(value=value, source="configured") for name, value in found.items()}


def known(service: Service, target: Target, port: int) -> Settings:
    """Return the same, read from the running server where it can be read."""
    read = {**_said(port), **kernel.seen(target, port)}
    return {**configured(service), **{name: Setting(value=value, source="read") for name, value in read.items()}}


def _said(port: int) -> dict[str, Any]:
    """Return what the process says of itself; a setting that only the server knows and does not tell is left out."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", "/settings")
        answer = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    if not isinstance(answer, dict):
        return {}
    said = {name: answer[name] for name in NAMES if isinstance(answer.get(name, ...), int | float | str | None)}
    return {name: value for name, value in said.items() if value is not None or name != "keep_alive_s"}
