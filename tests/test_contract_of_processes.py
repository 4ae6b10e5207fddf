"""Stacks as plain processes conform to the contract: those that no other fast test checks. test_arithmetic.py has all of them."""

from pathlib import Path

import pytest

from lab import contract
from lab.config.project import Project
from lab.contract import abandoned
from lab.contract.live import clients_that_go
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
def test_stacks_conform_to_the_contract_as_processes(tmp_path: Path) -> None:
    logs = tmp_path / "checkout" / STATE.relative_to(ROOT) / "logs"
    with all_started(tmp_path / "checkout", "process", FAST) as stacks:
        assert set(stacks) >= set(FAST.split(","))
        found = {name: contract.verify(f"http://127.0.0.1:{stack.port}", stack) for name, stack in stacks.items()}
    wrong = {name: findings for name, findings in found.items() if findings}
    said = ([name, *contract.grouped(wrong[name]), *last_lines(logs / f"{name}.log", 20)] for name in wrong)
    assert wrong == {}, "\n".join(line for lines in said for line in lines)


def test_a_stack_whose_program_is_missing_here_is_left_out_with_a_reason() -> None:
    lacks = {name: auto.runtime(PROJECT, "process").lacks(name) for name in PROJECT.stacks}
    assert all(lacks[name] is None for name in FIRST.values())
    assert all("is not on this machine" in lack for lack in lacks.values() if lack)


@pytest.mark.slow
def test_a_server_outlives_clients_that_go_while_it_connects_to_upstream(tmp_path: Path) -> None:
    """With uvloop 0.22 a connection that was given up was closed twice, the second time another one of its number."""
    with all_started(tmp_path / "checkout", "process", "quart-uvicorn") as stacks:
        stack = stacks["quart-uvicorn"]
        address = f"127.0.0.1:{stack.port}"
        for _ in range(30):
            assert clients_that_go(address, stack) == []
            abandoned._reset_all(address)  # and ask once more
