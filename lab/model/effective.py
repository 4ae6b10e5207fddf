"""The effective settings of a stack as values: their names, and their record in a run."""

from collections.abc import Mapping
from typing import Any

from lab.model.stack import Setting

Settings = Mapping[str, Setting]

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
"""Name in run.json -> name in reports."""


def of_variable(variable: str) -> str:
    """Return the setting of a LAB_ variable of docker-compose.yml: db_pool for LAB_DB_POOL."""
    return variable.removeprefix("LAB_").lower()


def variable_of(setting: str) -> str:
    """Return the variable of docker-compose.yml that sets a setting of the budget."""
    return f"LAB_{setting.upper()}"


def recorded(facts: Mapping[str, Any]) -> dict[str, Settings]:
    """Return stack -> its settings, from run.json; older runs call them knobs."""
    return {
        stack: {of_variable(name): _setting(value) for name, value in settings.items() if of_variable(name) in NAMES}
        for stack, settings in facts.get("settings", facts.get("knobs", {})).items()
    }


def _setting(value: str | Mapping[str, Any]) -> Setting:
    """Read a setting; the first runs have bare texts of the configured values."""
    if isinstance(value, str):
        return Setting(value=int(value) if value.isdecimal() else value, source="configured")
    return Setting.model_validate(value)


def versions(settings: Settings) -> dict[str, str]:
    """Return program -> version: python: 3.13.5 for `python 3.13.5`."""
    texts = (str(settings[name].value) for name in ("language", "server", "framework") if name in settings)
    return {name: version for name, _, version in (text.partition(" ") for text in texts)}
