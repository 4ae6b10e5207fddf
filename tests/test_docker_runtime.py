"""What the docker runtime hands to Compose, and one stack in a container."""

from pathlib import Path

import pytest

from lab import contract
from lab.runtime import docker
from tests.conftest import all_started, needs_engine

WRITES_DOWN = """#!/bin/sh
printf '%s\\n' "$@" > {folder}/words
env > {folder}/environment
"""


def test_compose_gets_the_variables_of_the_lab_and_none_of_this_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "docker"
    program.write_text(WRITES_DOWN.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for name in ("LAB_PORT", "LAB_ARM", "LAB_LOCUSTFILE", "LAB_WORKERS"):
        monkeypatch.setenv(name, "of the shell")
    monkeypatch.setenv("DOCKER_CONFIG", "kept")
    docker._compose(["config"], "project", {"LAB_SERVER_CPUS": "0", "LAB_PORT": "8199"})
    lines = (tmp_path / "environment").read_text().splitlines()
    assert {line for line in lines if line.startswith("LAB_")} == {"LAB_SERVER_CPUS=0", "LAB_PORT=8199"}
    assert "DOCKER_CONFIG=kept" in lines
    words = (tmp_path / "words").read_text().splitlines()
    assert words[words.index("--env-file") + 1] == "/dev/null", "a file .env of the checkout would be such a shell"


@pytest.mark.slow  # test_bench.py has a bench of another stack, which checks the contract in containers
@needs_engine
def test_a_stack_in_a_container_conforms_to_the_contract(tmp_path: Path) -> None:
    with all_started(tmp_path / "checkout", "docker", "flask-gunicorn") as stacks:
        (stack,) = stacks.values()
        assert contract.verify(f"http://127.0.0.1:{stack.port}", stack) == []
