"""Reads a run's originals: run.json, trials.jsonl and blocks.jsonl."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lab.errors import LabError
from lab.nouns import Block, Outcome, Profile, Scenario, Stack, baseline
from lab.store import RunFolder


@dataclass(frozen=True)
class Run:
    """A run's originals; `facts` is run.json, of which a report shows what is there."""

    name: str
    facts: Mapping[str, Any]
    profile: Profile
    stacks: tuple[Stack, ...]
    scenarios: tuple[Scenario, ...]
    outcomes: tuple[Outcome, ...]
    blocks: tuple[Block, ...]
    """Every attempt at a block, noisy ones included."""
    cut_lines: int
    """Lines of trials.jsonl that a killed writer left unfinished."""

    @property
    def baseline(self) -> str:
        """The stack labelled so, else the first one chosen."""
        return baseline(self.stacks).name


def read(path: Path) -> Run:
    """The run in a folder.

    Raises:
        LabError: a file is missing, broken, or of another format version.
    """
    folder = RunFolder(path)
    facts, outcomes = folder.read_run(), folder.outcomes()
    try:
        return Run(
            name=path.resolve().name,
            facts=facts,
            profile=Profile.model_validate(facts["profile"]),
            stacks=tuple(Stack.model_validate(stack) for stack in facts["stacks"]),
            scenarios=tuple(Scenario.model_validate(scenario) for scenario in facts["scenarios"]),
            outcomes=tuple(outcomes),
            blocks=tuple(folder.blocks()),
            cut_lines=_lines(path / "trials.jsonl") - len(outcomes),
        )
    except (KeyError, ValidationError) as error:
        raise LabError(f"{path}/run.json is not what this lab writes: {error}.") from None


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0
