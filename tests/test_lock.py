"""Locking with a real uv and an index of this machine: what is locked stays, until an upgrade is asked for."""

import re
import zipfile
from pathlib import Path

import pytest

from lab.commands import lock

PROJECT = """
[project]
name = "locked"
version = "1"
[dependency-groups]
first = ["stays==1.*"]
second = ["stays", "added==1.*"]
"""


def wheel(folder: Path, name: str, version: str) -> None:
    """A package without content."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose package has a newer version than the one that is locked."""
    for name, version in (("stays", "1.0"), ("stays", "1.1"), ("added", "1.0")):
        wheel(tmp_path, name, version)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks/first.txt").write_text("stays==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n")
    monkeypatch.setattr(lock, "ROOT", tmp_path)
    monkeypatch.setattr(lock, "LOCKS", tmp_path / "locks")
    for name, value in {"UV_FIND_LINKS": str(tmp_path), "UV_NO_INDEX": "1", "UV_OFFLINE": "1"}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def pins(project: Path) -> dict[str, list[str]]:
    """Group -> what its lock file pins."""
    return {path.stem: re.findall(r"^\S+==\S+", path.read_text(), re.MULTILINE) for path in project.glob("locks/*.txt")}


def test_what_is_locked_stays_where_something_is_added(project: Path) -> None:
    lock.lock()
    assert pins(project) == {"first": ["stays==1.0"], "second": ["added==1.0", "stays==1.0"]}


def test_an_upgrade_moves_what_is_locked(project: Path) -> None:
    lock.lock(upgrade=True)
    assert pins(project) == {"first": ["stays==1.1"], "second": ["added==1.0", "stays==1.1"]}


def test_what_the_project_no_longer_allows_is_moved_without_an_upgrade(project: Path) -> None:
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace("stays==1.*", "stays>1.0"))
    lock.lock()
    assert pins(project)["first"] == ["stays==1.1"]
