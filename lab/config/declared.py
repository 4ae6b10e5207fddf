"""Which user classes of the load tests are scenarios, and what they declare; which are none, and why.

`abstract` counts for its own class, as Locust has it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.config.user_classes import LOCUST, NAMES, Literal, classes

BASE = "FastUser"
"""The base of every scenario's class, whose `check` only says that there is none."""


@dataclass(frozen=True)
class UserClass:
    """A class that is a scenario: it has a path and is not abstract; `attributes` holds those of NAMES that it has."""

    name: str
    file: str
    where: str
    about: str
    """The first line of its docstring; empty where it has none."""
    attributes: dict[str, Literal]
    is_checked: bool
    """Whether it has a `check` of its own or from a base; True where a base that is not of this folder may bring one."""


def user_classes(folder: Path) -> Iterator[UserClass]:
    """Yield the scenarios' classes of the load tests in `folder`, by file and in the order of the file.

    Raises:
        LabError: a file is no Python, or a declaration is not a literal; names file and line.
    """
    for kept in classes(folder):
        if hasattr(kept, "path") and not _is_abstract(kept) and (_is_fast(kept) or not _is_locusts(kept)):
            own = vars(kept)
            attributes = {name: getattr(kept, name) for name in NAMES if hasattr(kept, name)}
            file = f"{folder.name}/{kept.__module__}.py"
            yield UserClass(kept.__name__, file, own["where"], own["about"], attributes, _is_checked(kept))


def ignored(folder: Path) -> Iterator[str]:
    """Yield a sentence for each user class that is no scenario: where it is, why, and what to do; errors as `user_classes`."""
    for kept in classes(folder):
        where = f"{vars(kept)['where']}: the lab does not run {kept.__name__}"
        if _is_abstract(kept):
            continue
        if _is_fast(kept):
            if not hasattr(kept, "path"):
                yield f"{where}, which has no `path`: say what it asks for, or that it is a base with `abstract = True`."
        elif _is_locusts(kept) or vars(kept)["has_tasks"]:
            yield (
                f"{where}, which is not a {BASE}: derive it from {BASE} of `client`, with `path` and `check` in place of "
                "tasks (loadtests/README.md), or run it with `locust -f`."
            )


def _is_abstract(kept: type) -> bool:
    return "abstract" in vars(kept) and bool(vars(kept)["abstract"].value)


def _is_fast(kept: type) -> bool:
    return any(base.__name__ == BASE for base in kept.__mro__)


def _is_locusts(kept: type) -> bool:
    return any(base.__module__ == LOCUST for base in kept.__mro__)


def _is_checked(kept: type) -> bool:
    """Return whether the nearest `check` is another than that of BASE; one from outside is trusted."""
    for base in kept.__mro__:
        if "check" in vars(base):
            return base.__name__ != BASE
        if vars(base).get("has_unknown_bases"):
            return True
    return True
