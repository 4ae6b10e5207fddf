"""What a run does: loadtests/profiles.toml."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from lab.errors import LabError
from lab.model.workload import Profile

FILE = "profiles.toml"


def read(folder: Path, name: str) -> Profile:
    """Return the profile of that name in `folder`/profiles.toml.

    Raises:
        LabError: there is no such profile, or something in the file is wrong; says what, and what there is.
    """
    tables = _tables(folder / FILE)
    if name not in tables:
        raise LabError(f"There is no profile {name!r}; there are: {', '.join(tables)}.")
    return _read(folder / FILE, name, tables[name])


def _tables(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text())
    except FileNotFoundError:
        raise LabError(f"{file} is missing: it says what a run does.") from None
    except tomllib.TOMLDecodeError as error:
        raise LabError(f"{file} is not TOML: {error}.") from None


def _read(file: Path, name: str, table: object) -> Profile:
    if not isinstance(table, dict):
        raise LabError(f"{file}: `{name}` stands outside of a profile; write it under a [name].")
    try:
        return Profile.model_validate({"name": name, **table})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise LabError(f"{file}, profile {name}, {where}: {first['msg']}.") from None
