"""Versions of the results format: which one this lab writes, and how it reads the older ones.

results/README.md has the history.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.errors import LabError

VERSION = 2
Line = dict[str, Any]
"""One outcome or block as JSON has it."""


def known(version: object, where: Path) -> int:
    """Return the version of a run's files if this lab can read it.

    Raises:
        LabError: the version is missing, or a newer lab wrote the run.
    """
    if not isinstance(version, int) or version < 1:
        raise LabError(f"{where} names no results format; it is not the run.json of a run.")
    if version > VERSION:
        raise LabError(
            f"{where}: this run was written by a newer lab (results format {version}; this lab reads up to {VERSION}). "
            "Update this checkout to read it."
        )
    return version


def upgraded(line: Line, version: int) -> Line:
    """Return a line of an older version as this version would have written it; what it did not measure is None."""
    for step in _STEPS[version - 1 :]:
        line = step(line)
    return line


def _from_1(line: Line) -> Line:
    """Version 1 counted connections over warm-up, window and drain, so that none are known of the window alone."""
    if line.get("kind") != "sample":
        return line
    usage = {role: _renamed(used, "rss_bytes", "memory_bytes") for role, used in line["usage"].items()}
    driven = {**line["driven"], "connects": None, "reconnects": None}
    return _renamed(line, "idle_rss_bytes", "idle_memory_bytes") | {"usage": usage, "driven": driven}


def _renamed(line: Line, old: str, new: str) -> Line:
    return {new if name == old else name: value for name, value in line.items()}


_STEPS: tuple[Callable[[Line], Line], ...] = (_from_1,)
"""From each version to the next."""
