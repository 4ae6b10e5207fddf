"""Compare the factors that a stack declares in its labels with what its running server says of itself."""

import re
from collections.abc import Iterator

from lab.model.effective import Settings
from lab.model.stack import FACTORS, Stack

_NAME = re.compile(r"[a-z0-9_-]+")


def untrue(stack: Stack, settings: Settings) -> list[str]:
    """Return the labels that the running server contradicts, in sentences.

    A factor of which the server says nothing is left out: handlers and model, and all of a stack without `/settings`.
    """
    return list(_untrue(stack, settings))


def _untrue(stack: Stack, settings: Settings) -> Iterator[str]:
    for factor, declared in stack.factors.items():
        said = settings.get(factor) if factor in FACTORS else None
        if said is not None and not _agree(declared, str(said.value)):
            yield (
                f"{stack.name}: the label lab.{factor} says {declared}, the running server says "
                f"{'none' if said.value is None else said.value} (GET /settings); fix the label or the command"
            )


def _agree(declared: str, said: str) -> bool:
    """Return whether the program that is said, without version or class, is among the words that are declared.

    `uvloop.Loop` is uvloop, `node 24.1.0` is Node.js, and `apache 2.4.65` is among Apache and PHP-FPM.
    """
    name = _NAME.match(said.lower())
    return name is not None and name[0] in _NAME.findall(declared.lower())
