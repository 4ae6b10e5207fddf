"""What run.json says of the code: a change is seen whatever its file is called and however it is encoded."""

import subprocess
from pathlib import Path

import pytest

from lab.run import provenance


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of one commit."""
    (tmp_path / "app.py").write_text("one\n")
    author = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "--message=one"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def test_a_checkout_without_changes_has_a_commit_and_no_digest(repository: Path) -> None:
    found = provenance.git(repository)
    assert found is not None
    assert found["dirty"] is False
    assert "changes" not in found


@pytest.mark.parametrize("name", ["new.py", "gemüse.py", "two words.py", "line\nbreak.py", 'quo"te.py'])
def test_the_content_of_a_new_file_is_in_the_digest_whatever_its_name(repository: Path, name: str) -> None:
    (repository / name).write_text("one\n")
    first = provenance.git(repository)
    (repository / name).write_text("two\n")
    assert first != provenance.git(repository)


def test_a_change_in_another_encoding_is_in_the_digest(repository: Path) -> None:
    (repository / "app.py").write_bytes(b"caf\xe9\n")
    first = provenance.git(repository)
    (repository / "app.py").write_bytes(b"caf\xe8\n")
    assert first != provenance.git(repository)


def test_outside_of_a_repository_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.git(tmp_path) is None
