"""Stacks as plain processes conform to the contract: those that no other fast test checks, and all of them together."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import contract
from lab.config.project import Project
from lab.model.stack import Stack
from lab.paths import LOCKS
from lab.runtime import auto
from tests.conftest import PATIENCE_S, all_started

PROJECT = Project.here()


FIRST = {
    stack.framework: name
    for name, stack in reversed([*PROJECT.stacks.items()])
    if (LOCKS / f"{stack.framework.lower()}.txt").exists()
}
"""Python framework -> its first stack."""


CHECKED_ELSEWHERE = ("FastAPI", "Flask", "Starlette")
"""Frameworks of which test_bench.py and test_docker_runtime.py check a stack, and one that FastAPI is made of."""
FAST = ",".join(name for framework, name in FIRST.items() if framework not in CHECKED_ELSEWHERE)


@pytest.fixture(params=[FAST, pytest.param("all", marks=pytest.mark.slow)])
def stands(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Stack]]:
    """Name -> stack, of those that the parameter names, all running."""
    with all_started(tmp_path / "checkout", "process", request.param) as stacks:
        yield stacks


@pytest.mark.timeout(PATIENCE_S)
def test_stacks_conform_to_the_contract_as_processes(stands: dict[str, Stack]) -> None:
    assert set(stands) >= set(FAST.split(","))
    found = {name: contract.verify(f"http://127.0.0.1:{stack.port}", stack) for name, stack in stands.items()}
    assert {name: findings for name, findings in found.items() if findings} == {}


def test_a_stack_whose_program_is_missing_here_is_left_out_with_a_reason() -> None:
    lacks = {name: auto.runtime(PROJECT, "process").lacks(name) for name in PROJECT.stacks}
    assert all(lacks[name] is None for name in FIRST.values())
    assert all("is not on this machine" in lack for lack in lacks.values() if lack)
