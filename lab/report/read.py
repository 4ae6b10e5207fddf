"""Reads a run's originals: run.json, trials.jsonl and blocks.jsonl."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lab.errors import LabError
from lab.model.values import AA, Block, Outcome, Profile, Scenario, Stack, Trial, baseline
from lab.run.jsonlines import problem
from lab.run.store import RunFolder


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
    cut_lines: int = 0
    """Lines that a killed writer left unfinished."""
    damaged: tuple[str, ...] = ()
    """Sentences on lines that are left out, though no kill explains them."""

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
    facts, trials, blocks = folder.read_run(), folder.outcome_lines(), folder.block_lines()
    try:
        stacks = tuple(Stack.model_validate(stack) for stack in facts["stacks"])
        scenarios = tuple(Scenario.model_validate(scenario) for scenario in facts["scenarios"])
        profile = Profile.model_validate(facts["profile"])
    except (KeyError, TypeError, ValidationError) as error:
        run_json = path / "run.json"
        raise LabError(f"{run_json} is damaged: {problem(error, run_json)}. Restore the file.") from None
    strange = tuple(filter(None, (_stranger(one.trial, stacks, scenarios) for one in trials.values)))
    return Run(
        name=path.resolve().name,
        facts=facts,
        profile=profile,
        stacks=stacks,
        scenarios=scenarios,
        outcomes=tuple(one for one in trials.values if not _stranger(one.trial, stacks, scenarios)),
        blocks=blocks.values,
        cut_lines=trials.cut + blocks.cut,
        damaged=trials.damaged + blocks.damaged + tuple(dict.fromkeys(strange)),
    )


def _stranger(trial: Trial, stacks: Iterable[Stack], scenarios: Iterable[Scenario]) -> str:
    """Say of which stack or scenario a trial is that run.json does not have; empty where it has both."""
    if trial.stack.removesuffix(AA) not in {stack.name for stack in stacks}:
        return f"Outcomes of the stack {trial.stack!r} are left out: run.json does not have it. Restore the file that was changed."
    if trial.scenario not in {scenario.id for scenario in scenarios}:
        return f"Outcomes of the scenario {trial.scenario!r} are left out: run.json does not have it. Restore the file that was changed."
    return ""
