"""Which scenarios there are: read from the text of loadtests/*.py, since importing them would bring gevent in.

A user class with a `path` is a scenario. Its id is that path without its first slash; the first word is the workload.
"""

import ast
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from lab.errors import LabError
from lab.nouns import Scenario

ALL = "all"


@dataclass(frozen=True)
class Declared:
    """What a user class says in its load test; `params` with None are left to the server's default."""

    workload: str
    name: str
    file: str
    user: str
    path: str
    about: str
    params: dict[str, int | str | None]
    expected_errors: dict[str, list[str]]
    """Parameter -> reasons of errors that are to be expected where it is given and not 0."""

    def scenario(self, query: str = "") -> Scenario:
        """The scenario with the parameters of `query` (`ms=50&n=3`) in place of the declared ones."""
        given = {name: self._value(name, text) for name, text in parse_qsl(query, keep_blank_values=True)}
        params = {**self.params, **given}
        unlike = [f"{name}={value}" for name, value in params.items() if value != self.params[name]]
        return Scenario(
            id="?".join([self.name, *filter(None, ["&".join(unlike)])]),
            workload=self.workload,
            file=self.file,
            user=self.user,
            path=self.path,
            params={name: value for name, value in params.items() if value is not None},
            expected_errors=tuple(
                reason for name, reasons in self.expected_errors.items() if params[name] for reason in reasons
            ),
        )

    def _value(self, name: str, text: str) -> int | str:
        if name not in self.params:
            known = ", ".join(self.params) or "none"
            raise LabError(f"The scenario {self.name} has no parameter {name!r}; it has: {known}.")
        if isinstance(self.params[name], str):
            return text
        if not (text.isascii() and text.isdigit()):
            raise LabError(f"The parameter {name} of the scenario {self.name} is a whole number, not {text!r}.")
        return int(text)


def all_of(folder: Path) -> tuple[Scenario, ...]:
    """Every scenario of the load tests in `folder`, by file and in the order of the file."""
    return tuple(one.scenario() for one in _declared_in(folder))


def find(folder: Path, ids: Iterable[str]) -> tuple[Scenario, ...]:
    """The scenarios behind ids such as `db`, `db/one`, `wait?ms=50` or `all`, each once and in the order given.

    Raises:
        LabError: an id or a parameter is not known; says which there are.
    """
    available = _declared_in(folder)
    scenarios = (scenario for text in ids for scenario in _named(text, available))
    return tuple({scenario.id: scenario for scenario in scenarios}.values())


def _named(text: str, available: list[Declared]) -> list[Scenario]:
    name, _, query = text.partition("?")
    found = [one for one in available if name in (one.name, one.workload, ALL)]
    if not found:
        choices = ", ".join(dict.fromkeys(choice for one in available for choice in (one.workload, one.name)))
        raise LabError(f"There is no scenario {name!r}; there are: {choices}.")
    return [one.scenario(query) for one in found]


def _declared_in(folder: Path) -> list[Declared]:
    return [declared for file in sorted(folder.glob("*.py")) for declared in _in_file(file)]


def _in_file(file: Path) -> list[Declared]:
    classes: dict[str, dict[str, object]] = {}
    found = []
    for node in _parsed(file).body:
        if isinstance(node, ast.ClassDef):
            inherited = [classes[base.id] for base in node.bases if isinstance(base, ast.Name) and base.id in classes]
            classes[node.name] = {**(inherited[0] if inherited else {}), "abstract": False, **_literals(node)}
            if "path" in classes[node.name] and not classes[node.name]["abstract"]:
                found.append(_declared(file, node, classes[node.name]))
    return found


def _parsed(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_text(), str(file))
    except SyntaxError as error:
        raise LabError(f"{file}, line {error.lineno}: {error.msg}.") from None


def _literals(node: ast.ClassDef) -> dict[str, object]:
    """Attributes of a class that are plain values."""
    values = {}
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            try:
                values[statement.targets[0].id] = ast.literal_eval(statement.value)
            except ValueError:
                continue
    return values


def _declared(file: Path, node: ast.ClassDef, attributes: dict[str, object]) -> Declared:
    path, params = attributes["path"], attributes.get("params", {})
    if not isinstance(path, str) or not isinstance(params, dict):
        raise LabError(f"{file.name}, class {node.name}: `path` must be a string and `params` a dictionary.")
    name = path.strip("/")
    return Declared(
        workload=name.split("/")[0],
        name=name,
        file=f"{file.parent.name}/{file.name}",
        user=node.name,
        path=path,
        about=ast.get_docstring(node) or "",
        params=params,
        expected_errors=_expected_errors(file, node, attributes.get("expected_errors", {}), params),
    )


def _expected_errors(file: Path, node: ast.ClassDef, value: object, params: Container[str]) -> dict[str, list[str]]:
    if not isinstance(value, dict) or not all(name in params and isinstance(value[name], list) for name in value):
        raise LabError(
            f"{file.name}, class {node.name}: `expected_errors` must be a parameter's name and a list of reasons."
        )
    return value
