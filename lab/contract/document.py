"""What the checks read from stacks/openapi.yaml: which parameters a path takes, their ranges and defaults."""

from dataclasses import dataclass
from functools import reduce
from typing import Any

import yaml

from lab.paths import ROOT

OPENAPI_FILE = ROOT / "stacks" / "openapi.yaml"


@dataclass(frozen=True)
class Parameter:
    """A whole number in a query: from `low` to `high`, or one of `choices`."""

    name: str
    default: int
    low: int
    high: int
    choices: tuple[int, ...] = ()


def parameters() -> dict[str, tuple[Parameter, ...]]:
    """Path -> the parameters that it takes; a path without any is in it too."""
    document = yaml.safe_load(OPENAPI_FILE.read_text())
    return {
        path: tuple(
            _parameter(document, _resolved(document, listed))
            for operation in item.values()
            for listed in operation.get("parameters", ())
        )
        for path, item in document["paths"].items()
    }


def _parameter(document: Any, described: Any) -> Parameter:
    schema = _resolved(document, described["schema"])
    choices = tuple(schema.get("enum", ()))
    low, high = schema.get("minimum", min(choices, default=0)), schema.get("maximum", max(choices, default=0))
    return Parameter(described["name"], schema["default"], low, high, choices)


def _resolved(document: Any, node: Any) -> Any:
    """A node with what it refers to (`#/a/b`) put in; what stands beside the reference counts more."""
    words = node.get("$ref", "#/").removeprefix("#/")
    return (reduce(lambda part, word: part[word], words.split("/"), document) if words else {}) | node
