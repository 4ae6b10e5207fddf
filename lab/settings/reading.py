"""All settings of a stack: what its process says, what the kernel says, and for the rest what it was started with."""

import json
import re
from http.client import HTTPConnection, HTTPException
from typing import Any

from lab.model.effective import NAMES, Settings, of_variable
from lab.model.stack import Service, Setting, Target
from lab.settings import kernel

_PATIENCE_S = 10
_IDLE_OPTIONS_PER_S = {"--timeout-keep-alive": 1, "--keep-alive": 1, "--http1-header-read-timeout": 1000}
"""How long an idle connection is kept, by each server's own word -> its units in a second (Granian's is milliseconds)."""
_IDLE_OPTION = re.compile(rf"(?P<name>{'|'.join(_IDLE_OPTIONS_PER_S)})[= ](?P<time>\d+(?:\.\d+)?)(?: |$)")


def configured(service: Service) -> Settings:
    """What the stack was started with: its budget, its command line."""
    numbers = {of_variable(name): int(value) for name, value in service.environment.items() if value.isdecimal()}
    command = " ".join(service.command)
    found: dict[str, float | str] = {name: value for name, value in numbers.items() if name in NAMES}
    if idle := _IDLE_OPTION.search(command):
        time_s = float(idle["time"]) / _IDLE_OPTIONS_PER_S[idle["name"]]
        found["keep_alive_s"] = int(time_s) if time_s.is_integer() else time_s
    return {name: Setting(value=value, source="configured") for name, value in {**found, "command": command}.items()}


def known(service: Service, target: Target, port: int) -> Settings:
    """The same, read from the running server where it can be read."""
    read = {**_said(port), **kernel.seen(target, port)}
    return {**configured(service), **{name: Setting(value=value, source="read") for name, value in read.items()}}


def _said(port: int) -> dict[str, Any]:
    """What the process says of itself; a setting that only the server could know and does not tell is left out."""
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
