"""Every stack as a plain process, compared with the contract: test_contract_of_stacks.py has them in containers where it can."""

from collections.abc import Iterator

import pytest

from lab import contract
from lab.config.project import Project
from lab.model.stack import Stack
from lab.runtime import auto
from tests.conftest import all_started

PROJECT = Project.here()


@pytest.fixture(scope="module")
def stands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stack]]:
    with all_started(tmp_path_factory.mktemp("stacks") / "checkout", "process") as stacks:
        yield stacks


@pytest.mark.parametrize("name", PROJECT.stacks)
def test_a_stack_conforms_to_the_contract_as_a_process(name: str, stands: dict[str, Stack]) -> None:
    if lack := auto.runtime(PROJECT, "process").lacks(name):
        assert name not in stands
        assert "is not on this machine" in lack
        return
    stack = stands[name]
    assert contract.verify(f"http://127.0.0.1:{stack.port}", stack) == []
