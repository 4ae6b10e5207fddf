"""Read files of one JSON object per line: of older formats too, cut off by a kill, or damaged by somebody.

results/README.md has the history of the results format.
"""

from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from lab.errors import LabError

VERSION = 2
"""Of the results format that this lab writes."""
Line = dict[str, Any]
"""One outcome or block as JSON has it."""
T = TypeVar("T")


@dataclass(frozen=True)
class Lines(Generic[T]):
    """What a file holds, and what of it could not be read."""

    values: tuple[T, ...] = ()
    cut: int = 0
    """Lines that end in the middle of their JSON: a killed writer left them so."""
    damaged: tuple[str, ...] = ()
    """Sentences on lines that no kill explains; they are left out."""


def read(path: Path, adapter: TypeAdapter[T], version: int, key: Callable[[T], Hashable]) -> Lines[T]:
    """Return the values of a file whose lines are of that format version; none where there is no file.

    Args:
        key: what a value must be the only one of; a second one is damage.

    Raises:
        LabError: a newer lab wrote a line.
    """
    found: dict[Hashable, tuple[int, T]] = {}
    cut, damaged = 0, []
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    for number, line in enumerate(lines, start=1):
        try:
            value = _parsed(line, adapter, version)
        except (ValueError, KeyError) as error:
            if _is_cut(line):
                cut += 1
            else:
                damaged.append(_damage(path, number, problem(error, path)))
        else:
            first, _ = found.setdefault(key(value), (number, value))
            if first != number:
                damaged.append(_damage(path, number, f"it repeats line {first}"))
    return Lines(tuple(value for _, value in found.values()), cut, tuple(damaged))


def _parsed(line: str, adapter: TypeAdapter[T], version: int) -> T:
    if version == VERSION:
        return adapter.validate_json(line)
    return adapter.validate_python(upgraded(from_json(line), version))


def _is_cut(line: str) -> bool:
    """Return whether a line is no JSON, and more text could make an object of it."""
    try:
        from_json(line)
    except ValueError:
        with suppress(ValueError):
            return isinstance(from_json(line, allow_partial=True), dict)
    return False


def problem(error: Exception, path: Path) -> str:
    """Return what is wrong with a line or a file, and in which field.

    Raises:
        LabError: it has a field that this lab does not know.
    """
    if not isinstance(error, ValidationError):
        return f"it is no JSON of this lab's ({error})"
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        raise LabError(
            f"{path}: this lab does not know the field {where}: this run was written by a newer lab. Update this checkout to read it."
        )
    return f"field {where}: {first['msg']}"


def _damage(path: Path, number: int, what: str) -> str:
    return f"{path.name}, line {number} is left out: {what}. No kill does that: restore the file, or measure again."


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
