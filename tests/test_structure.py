"""The rules of the project: imports point one way, lists are written once, directories have a README."""

import ast
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from lab.config.project import Project
from lab.paths import ROOT


def imports(file: Path) -> set[str]:
    """Modules that a file imports, dotted."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


FILES = sorted((ROOT / "lab").rglob("*.py"))


@pytest.mark.parametrize("directory", ["stacks", "services", "loadtests"])
def test_what_is_measured_and_the_lab_do_not_know_each_other(directory: str) -> None:
    for file in (ROOT / directory).rglob("*.py"):
        assert not any(name.split(".")[0] == "lab" for name in imports(file)), file
    for file in FILES:
        assert not any(name.split(".")[0] == directory for name in imports(file)), file


def test_only_the_driver_imports_locust() -> None:
    users = {file.parent for file in FILES if {name.split(".")[0] for name in imports(file)} & {"locust", "gevent"}}
    assert users == {ROOT / "lab" / "load" / "driver"}


def test_tests_import_each_other_from_the_package_only() -> None:
    """A second way would load a module twice, with two copies of what it holds."""
    own = {file.stem for file in (ROOT / "tests").glob("*.py")}
    for file in (ROOT / "tests").glob("*.py"):
        nodes = ast.walk(ast.parse(file.read_text()))
        assert not any(isinstance(node, ast.ImportFrom) and node.level for node in nodes), file
        assert not {name.split(".")[0] for name in imports(file)} & own, file


def test_no_two_files_of_the_lab_have_one_name() -> None:
    names = [file.stem for file in FILES if not file.stem.startswith("__")]
    assert {name: count for name, count in Counter(names).items() if count > 1} == {}


def test_the_names_of_stacks_stand_in_the_compose_file_and_profiles_only() -> None:
    for file in [*FILES, ROOT / "Makefile"]:
        for name in Project.here().stacks:
            assert name not in file.read_text(), f"{file} names {name}"


def test_every_group_of_packages_is_locked_with_hashes_and_without_addresses() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    locks = {path.stem: path.read_text() for path in (ROOT / "locks").glob("*.txt")}
    assert set(locks) == set(groups)
    for name, text in locks.items():
        assert "--hash=sha256:" in text, name
        assert "://" not in text, name


def test_all_locks_agree_on_every_version() -> None:
    versions: dict[str, set[str]] = {}
    for path in (ROOT / "locks").glob("*.txt"):
        for line in path.read_text().splitlines():
            if "==" in line and not line.startswith(" "):
                name, _, version = line.split(" ")[0].partition("==")
                versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


@pytest.mark.parametrize("directory", [".", "stacks", "services", "loadtests", "lab", "results"])
def test_every_directory_has_a_readme(directory: str) -> None:
    assert (ROOT / directory / "README.md").read_text().startswith("# ")
