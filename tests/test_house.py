"""The rules of the house, held by tests: imports point one way, lists are written once, rooms have a README."""

import ast
import tomllib
from pathlib import Path

import pytest

from lab.house import House
from lab.project import ROOT

LEAVES = {
"jsonlines",
    "cgroups", "classes", "console", "cpus", "declared", "errors", "formats", "histogram", "interrupt",
    "nouns", "orders", "processes", "project", "stalls",
    "student",
}  # fmt: skip
ABOVE = {
    "session", "measure", "rounds", "servers", "bench", "stand", "house", "cli", "listing", "images", "doctor", "lock", "readme", "report",
    "starting", "disturbed", "summary", "costs", "calibrate", "steer", "record", "choose", "progress", "__main__", "driver",
}  # fmt: skip
"""Modules that put parts together; everything else of lab/ is a part and imports leaves only."""


def imports(file: Path) -> set[str]:
    """Modules that a file imports, dotted."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def part_of(dotted: str) -> str | None:
    """`lab.launch.docker` -> `launch`."""
    words = dotted.split(".")
    return words[1] if words[0] == "lab" and len(words) > 1 else None


FILES = sorted((ROOT / "lab").rglob("*.py"))
MODULES = {path.stem if path.parent == ROOT / "lab" else path.relative_to(ROOT / "lab").parts[0] for path in FILES}


@pytest.mark.parametrize("file", FILES, ids=str)
def test_parts_of_the_lab_do_not_import_each_other(file: Path) -> None:
    own = file.relative_to(ROOT / "lab").parts[0].removesuffix(".py")
    if own in ABOVE:
        return
    used = {part for name in imports(file) if (part := part_of(name)) in MODULES} - {own}
    assert used <= LEAVES


def test_leaves_import_nothing_but_leaves() -> None:
    for leaf in LEAVES:
        used = {part for name in imports(ROOT / "lab" / f"{leaf}.py") if (part := part_of(name)) in MODULES}
        assert used <= LEAVES, leaf


@pytest.mark.parametrize("room", ["stacks", "services", "loadtests"])
def test_what_is_measured_and_the_lab_do_not_know_each_other(room: str) -> None:
    for file in (ROOT / room).rglob("*.py"):
        assert not any(name.split(".")[0] == "lab" for name in imports(file)), file
    for file in FILES:
        assert not any(name.split(".")[0] == room for name in imports(file)), file


def test_only_the_driver_imports_locust() -> None:
    users = {
        file.relative_to(ROOT).parts[1]
        for file in FILES
        if {name.split(".")[0] for name in imports(file)} & {"locust", "gevent"}
    }
    assert users == {"driver"}


def test_the_names_of_stacks_stand_in_the_compose_file_and_profiles_only() -> None:
    for file in [*FILES, ROOT / "Makefile"]:
        for name in House.here().stacks:
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


@pytest.mark.parametrize("room", [".", "stacks", "services", "loadtests", "lab", "results"])
def test_every_room_has_a_readme(room: str) -> None:
    lines = (ROOT / room / "README.md").read_text().splitlines()
    assert lines[0].startswith("# ")
    assert room == "." or len(lines) <= 40
