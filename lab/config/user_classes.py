"""Which user classes of the load tests are scenarios, and what they declare; which are none, and why.

Their files are read and not run: importing them brings gevent in. A declaration is a literal, in a class or in a base of
it, as Python inherits them; `abstract` counts for its own class, as Locust has it. Bases may be in packages of the folder;
a base from elsewhere declares nothing. What cannot be read is an error that names the line.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError

DECLARED = ("path", "params", "expected_errors", "holds", "at_once", "waits_ms", "streams", "weight")
NAMES = {*DECLARED, "abstract"}
"""The attributes that the lab reads; the rest of a user class is its own."""
BASE = "FastUser"
"""The base of every scenario's class, whose `check` only says that there is none."""
LOCUST = "locust"
"""Module of the classes that stand for Locust's own."""


@dataclass(frozen=True)
class Literal:
    """The value of an attribute, and the file and line where it stands."""

    value: Any
    where: str


@dataclass(frozen=True)
class UserClass:
    """A class that is a scenario: it has a path and is not abstract; `attributes` holds those of DECLARED that it has."""

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
    for kept in _classes(folder):
        if hasattr(kept, "path") and not _is_abstract(kept) and (_is_fast(kept) or not _is_locusts(kept)):
            own = vars(kept)
            attributes = {name: getattr(kept, name) for name in DECLARED if hasattr(kept, name)}
            file = f"{folder.name}/{kept.__module__}.py"
            yield UserClass(kept.__name__, file, own["where"], own["about"], attributes, _is_checked(kept))


def ignored(folder: Path) -> Iterator[str]:
    """Yield a sentence for each user class that is no scenario: where it is, why, and what to do; errors as `user_classes`."""
    for kept in _classes(folder):
        where = f"{vars(kept)['where']}: the lab does not run {kept.__name__}"
        if _is_abstract(kept):
            continue
        if _is_fast(kept):
            if not hasattr(kept, "path"):
                yield f"{where}, which has no `path`: say what it asks for, or that it is a base with `abstract = True`."
        elif _is_locusts(kept) or vars(kept)["has_tasks"]:
            yield (
                f"{where}, which is not a {BASE}: derive it from {BASE} of `client`, with `path` and `check` in place of "
                "tasks (docs/new-scenario.md), or run it with `locust -f`."
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


def _classes(folder: Path) -> Iterator[type]:
    """Yield an empty class for each of the load tests in `folder`, with the same bases, by file and in the order of the file.

    Its own attributes are those of NAMES as `Literal`, `check` where it has one, `where` (file and line), `about` (the first
    line of its docstring, or empty), `has_tasks` (Locust's), and `has_unknown_bases` (such as are not of this folder).

    Raises:
        LabError: a file is no Python, or a declaration is not a literal; names file and line.
    """
    files = _Files(folder)
    for module in sorted(file.stem for file in folder.glob("*.py")):
        for kept in files.names_of(module).values():
            if isinstance(kept, type) and kept.__module__ == module:
                yield kept


class _LocustModule(dict[str, Any]):
    """A module of Locust, which is not read: its names that end in `User` are users, the others modules of the same kind."""

    def __init__(self) -> None:
        super().__init__({name: self[name] for name in ("User", "HttpUser", "FastHttpUser")})  # what `import *` brings

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> Any:
        return type(name, (), {"__module__": LOCUST}) if name.endswith("User") else self


class _Files:
    """The load tests of a folder; a class in them is kept as an empty one with the same bases, so that Python inherits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[str, dict[str, Any]] = {}

    def names_of(self, module: str) -> dict[str, Any]:
        """Return the classes and modules of the folder that a load test imports or defines; none of a foreign module."""
        if module.split(".")[0] == LOCUST:
            return _LocustModule()
        if module not in self._names:
            self._names[module] = {}
            path = self._folder.joinpath(*module.split("."))
            files = [file for file in (path.with_name(f"{path.name}.py"), path / "__init__.py") if file.is_file()]
            for file in files[:1]:
                shown = file.relative_to(self._folder.parent)
                for statement in _parsed(file, shown).body:
                    self._take(statement, self._names[module], module, shown)
        return self._names[module]

    def _take(self, statement: ast.stmt, names: dict[str, Any], module: str, file: Path) -> None:
        match statement:
            case ast.ClassDef(name=name) if getattr(names.get(name), "__module__", None) == module:
                raise LabError(f"{_where(file, statement)}: there is another class {name} above.")
            case ast.ClassDef(name=name):
                names[name] = _kept(statement, names, module, file)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                pass
            case _:
                _refuse_hidden(statement, names, file)
                for node in ast.walk(statement):
                    names.update(self._imported(node))

    def _imported(self, node: ast.AST) -> dict[str, Any]:
        match node:
            case ast.ImportFrom(module=str(module), names=[ast.alias(name="*")]):
                return self.names_of(module)
            case ast.ImportFrom(module=str(module), names=aliases):
                known = self.names_of(module)
                return {alias.asname or alias.name: known[alias.name] for alias in aliases if alias.name in known}
            case ast.Import(names=aliases):
                return {alias.asname or alias.name.split(".")[0]: self.names_of(alias.name) for alias in aliases}
        return {}


def _parsed(file: Path, shown: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), str(file))
    except SyntaxError as error:
        raise LabError(f"{shown}, line {error.lineno}: {error.msg}.") from None


def _where(file: Path, node: ast.AST) -> str:
    return f"{file}, line {getattr(node, 'lineno', 1)}"


def _kept(node: ast.ClassDef, names: dict[str, Any], module: str, file: Path) -> type:
    where = _where(file, node)
    bases = [base for named in node.bases if isinstance(base := _known(named, names), type)]
    seen = {
        "__module__": module,
        "where": where,
        "about": (ast.get_docstring(node) or "").partition("\n")[0],
        "has_tasks": _has_tasks(node),
        "has_unknown_bases": len(bases) < len(node.bases),
    }
    if any("check" in _bound(statement) for statement in node.body):
        seen["check"] = True
    try:
        kept = type(node.name, tuple(bases), {**seen, **_literals(node, file)})
    except TypeError as error:  # Python refuses these bases
        raise LabError(f"{where}: class {node.name}: {error}.") from None
    if hasattr(kept, "path") and (node.decorator_list or node.keywords):
        raise LabError(
            f"{where}: class {node.name} has a decorator or a metaclass, which may change what it declares: leave it out."
        )
    return kept


def _known(named: ast.expr, names: dict[str, Any]) -> Any:
    """Return the class or module of `Name` or `module.Name`; None if it is not in this folder."""
    match named:
        case ast.Name(id=name):
            return names.get(name)
        case ast.Attribute(value=value, attr=name):
            module = _known(value, names)
            return module[name] if isinstance(module, dict) and name in module else None
    return None


def _has_tasks(node: ast.ClassDef) -> bool:
    """Return whether something in a class stands under Locust's `@task`."""
    marks = [
        ast.unparse(mark).partition("(")[0].split(".")[-1]
        for statement in node.body
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for mark in statement.decorator_list
    ]
    return "task" in marks


def _literals(node: ast.ClassDef, file: Path) -> dict[str, Literal]:
    """Return the attributes that one class declares, without those of its bases."""
    found: dict[str, Literal] = {}
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and statement.value is None:  # a type alone sets nothing
            continue
        for name in sorted(_bound(statement) & NAMES):
            found[name] = _literal(name, statement, node.name, file)
    return found


def _literal(name: str, statement: ast.stmt, owner: str, file: Path) -> Literal:
    match statement:
        case ast.Assign(targets=targets, value=value) if all(isinstance(target, ast.Name) for target in targets):
            read = value
        case ast.AnnAssign(target=ast.Name(), value=ast.expr() as value):
            read = value
        case _:
            raise _unreadable(name, owner, file, statement)
    try:
        return Literal(ast.literal_eval(read), _where(file, read))
    except (ValueError, TypeError):
        raise _unreadable(name, owner, file, read) from None


def _unreadable(name: str, owner: str, file: Path, node: ast.AST) -> LabError:
    return LabError(
        f"{_where(file, node)}: `{name}` of {owner} must be a literal that is assigned in the class; "
        f"the lab reads it without running the file, and found `{ast.unparse(node).splitlines()[0]}`."
    )


def _bound(node: ast.AST) -> set[str]:
    """Return the names that a statement sets or deletes in its own scope."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return {name}
        case ast.alias(name=name, asname=asname):
            return {asname or name}
        case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return set()
    return {name for child in ast.iter_child_nodes(node) for name in _bound(child)}


def _refuse_hidden(statement: ast.stmt, names: dict[str, Any], file: Path) -> None:
    """Raise LabError for a declaration outside of a class at the top of its file."""
    for node in ast.walk(statement):
        match node:
            case ast.Attribute(value=ast.expr() as value, attr=name, ctx=ast.Store() | ast.Del()) if name in NAMES:
                if isinstance(kept := _known(value, names), type):
                    raise _unreadable(name, kept.__name__, file, statement)
            case ast.ClassDef(name=name) if _literals(node, file):
                raise LabError(f"{_where(file, node)}: class {name} stands in a block: put it at the top of the file.")
