"""Stacks as plain processes conform to the contract: those that no other fast test checks, and all of them together."""

from pathlib import Path

import pytest

from lab import contract
from lab.config.project import Project
from lab.paths import LOCKS, ROOT, STATE
from lab.runtime import auto
from lab.runtime.interface import last_lines
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


@pytest.mark.timeout(PATIENCE_S)
@pytest.mark.parametrize("names", [FAST, pytest.param("all", marks=pytest.mark.slow)])
def test_stacks_conform_to_the_contract_as_processes(names: str, tmp_path: Path) -> None:
    logs = tmp_path / "checkout" / STATE.relative_to(ROOT) / "logs"
    with all_started(tmp_path / "checkout", "process", names) as stacks:
        assert set(stacks) >= set(FAST.split(","))
        for name, stack in stacks.items():
            found = contract.verify(f"http://127.0.0.1:{stack.port}", stack)
            if found:  # what the server said is part of the finding: it may have died
                pytest.fail("\n".join([name, *contract.grouped(found), *last_lines(logs / f"{name}.log", 20)]))


def test_a_stack_whose_program_is_missing_here_is_left_out_with_a_reason() -> None:
    lacks = {name: auto.runtime(PROJECT, "process").lacks(name) for name in PROJECT.stacks}
    assert all(lacks[name] is None for name in FIRST.values())
    assert all("is not on this machine" in lack for lack in lacks.values() if lack)
