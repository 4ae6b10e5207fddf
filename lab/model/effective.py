"""The effective settings of a stack as values: their names, and what a run recorded of them."""

from collections.abc import Mapping
from typing import Any

from lab.model.stack import Knob

Knobs = Mapping[str, Knob]

NAMES = {
    "workers": "worker processes",
    "slots": "slots: requests at once where each needs a thread",
    "db_pool": "connections to PostgreSQL at most",
    "upstream_connections": "connections to upstream at most",
    "backlog": "listen backlog",
    "keep_alive_s": "an idle connection is kept, s",
    "loop": "event loop",
    "parser": "HTTP parser",
    "language": "language",
    "server": "server",
    "framework": "framework",
    "processes": "processes, all",
    "threads": "threads of all processes",
    "nofile": "open files at most",
    "cpus": "CPUs",
    "command": "command",
}
"""Name in run.json -> what a reader is told."""


def of_variable(variable: str) -> str:
    """The knob that a LAB_ variable of docker-compose.yml sets: LAB_DB_POOL -> db_pool."""
    return variable.removeprefix("LAB_").lower()


def recorded(facts: Mapping[str, Any]) -> dict[str, Knobs]:
    """Stack -> its knobs, out of run.json."""
    return {
        stack: {of_variable(name): _knob(value) for name, value in knobs.items() if of_variable(name) in NAMES}
        for stack, knobs in facts.get("knobs", {}).items()
    }


def _knob(value: str | Mapping[str, Any]) -> Knob:
    """The first runs have bare texts: what was asked for."""
    if isinstance(value, str):
        return Knob(value=int(value) if value.isdecimal() else value, source="configured")
    return Knob.model_validate(value)


def versions(knobs: Knobs) -> dict[str, str]:
    """Program -> version, of what ran: `python 3.13.5` as python: 3.13.5."""
    texts = (str(knobs[name].value) for name in ("language", "server", "framework") if name in knobs)
    return {name: version for name, _, version in (text.partition(" ") for text in texts)}
