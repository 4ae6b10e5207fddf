"""What the lab reads from stacks/openapi.yaml: the paths of the contract, which parameters each takes, their ranges and defaults."""

from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import yaml

from lab.paths import ROOT

OPENAPI_FILE = ROOT / "stacks" / "openapi.yaml"
BESIDE = ("/ws", "/h2/json", "/stream/abandoned")
"""What stacks/README.md has under a path and OpenAPI cannot say."""


@dataclass(frozen=True)
class Parameter:
    """A whole number in a query: from `low` to `high`, or one of `choices`."""

    name: str
    default: int
    low: int
    high: int
    choices: tuple[int, ...] = ()


def paths() -> tuple[str, ...]:
    """Return every path of the contract, as the labels lab.serves and lab.omits may name it."""
    return (*_document()["paths"], *BESIDE)


def parameters() -> dict[str, tuple[Parameter, ...]]:
    """Return path -> the parameters that it takes; a path without any is in it too."""
    document = _document()
    return {
        path: tuple(
            _parameter(document, _resolved(document, listed))
            for operation in item.values()
            for listed in operation.get("parameters", ())
        )
        for path, item in document["paths"].items()
    }


@lru_cache(maxsize=2)
def parsed(text: str) -> Any:
    """Return a file as YAML, cached: a command asks for one once for each service."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  # both are the safe ones


def _document() -> Any:
    return parsed(OPENAPI_FILE.read_text())


def _parameter(document: Any, described: Any) -> Parameter:
    schema = _resolved(document, described["schema"])
    choices = tuple(schema.get("enum", ()))
    low, high = schema.get("minimum", min(choices, default=0)), schema.get("maximum", max(choices, default=0))
    return Parameter(described["name"], schema["default"], low, high, choices)


def _resolved(document: Any, node: Any) -> Any:
    """Return a node with its references (`#/a/b`) resolved; keys beside a reference take precedence."""
    words = node.get("$ref", "#/").removeprefix("#/")
    return (reduce(lambda part, word: part[word], words.split("/"), document) if words else {}) | node
