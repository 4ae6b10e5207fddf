"""Read files of one JSON object per line, which a kill may have cut off and somebody may have damaged."""

from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from lab.errors import LabError
from lab.run import formats

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
    if version == formats.VERSION:
        return adapter.validate_json(line)
    return adapter.validate_python(formats.upgraded(from_json(line), version))


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
