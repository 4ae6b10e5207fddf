"""Reads a run's originals: run.json, trials.jsonl and blocks.jsonl."""

from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.analysis import micro
from lab.analysis.micro import Original
from lab.analysis.validity.limits import Limits
from lab.errors import LabError
from lab.model.experiment import Experiment
from lab.model.mixtures import all_of
from lab.model.outcome import Block, Outcome
from lab.model.stack import AA, Stack, baseline
from lab.model.workload import Profile, Scenario, Trial
from lab.paths import MICRO
from lab.report import older
from lab.run.jsonlines import problem
from lab.run.store import RunFolder

_OBJECTS = (
    "machine", "cpu_plan", "budget", "settings", "knobs", "unequal", "versions", "images", "sha256", "overhead", "limits",
)  # fmt: skip
"""Keys of run.json that a report looks into."""


@dataclass(frozen=True)
class Run:
    """A run's originals; `facts` is run.json, of which a report shows what is there."""

    folder: Path
    facts: Mapping[str, Any]
    profile: Profile
    stacks: tuple[Stack, ...]
    scenarios: tuple[Scenario, ...]
    outcomes: tuple[Outcome, ...]
    limits: Mapping[str, Mapping[str, Limits]]
    """Stack -> scenario -> what its trials could do at most."""
    experiments: tuple[Experiment, ...]
    """The statements under test, as they were declared when it began; none in older runs."""
    micro: Original | None
    """What `make micro` measures, of runs that need it."""
    searched: tuple[Outcome, ...]
    """The trials of searches for a capacity."""
    blocks: tuple[Block, ...]
    """Every attempt at a block, noisy ones included."""
    cut_lines: int = 0
    """Lines that a killed writer left unfinished."""
    damaged: tuple[str, ...] = ()
    """Sentences on lines that are left out, though no kill explains them."""

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    @property
    def baseline(self) -> str:
        """Return the stack labelled so, else the first one chosen."""
        return baseline(self.stacks).name


def read(path: Path) -> Run:
    """Return the run in a folder.

    Raises:
        LabError: a file is missing, broken, or of another format version.
    """
    folder = RunFolder(path)
    facts, trials, blocks = folder.read_run(), folder.outcome_lines(), folder.block_lines()
    run_json = path / "run.json"
    try:
        stacks = tuple(Stack.model_validate(stack) for stack in facts["stacks"])
        scenarios = tuple(Scenario.model_validate(scenario) for scenario in facts["scenarios"])
        profile = Profile.model_validate(facts["profile"])
        for name in _OBJECTS:
            if not isinstance(facts.get(name, {}), Mapping):
                raise LabError(f"{run_json} is damaged: {name} is no object. Restore the file.")
        experiments = tuple(Experiment.model_validate(one) for one in facts.get("experiments", ()))
        asked = all_of(scenarios)
        limits = _limits(facts, stacks, asked.values())
    except (KeyError, TypeError, ValueError) as error:
        raise LabError(f"{run_json} is damaged: {problem(error, run_json)}. Restore the file.") from None
    strange = tuple(filter(None, (_stranger(one.trial, stacks, asked) for one in trials.values)))
    return Run(
        folder=path,
        facts=facts,
        profile=profile,
        stacks=stacks,
        scenarios=scenarios,
        experiments=experiments,
        micro=micro.original(path) if (path / MICRO).exists() else None,
        limits=limits,
        outcomes=tuple(one for one in trials.values if not _stranger(one.trial, stacks, asked)),
        searched=folder.searched(),
        blocks=blocks.values,
        cut_lines=trials.cut + blocks.cut,
        damaged=(*trials.damaged, *blocks.damaged, *dict.fromkeys(strange), *_incomplete(trials.values, blocks.values)),
    )


def _limits(
    facts: Mapping[str, Any], stacks: Iterable[Stack], scenarios: Collection[Scenario]
) -> dict[str, dict[str, Limits]]:
    def of(stack: Stack, scenario: Scenario) -> Limits:
        if written := facts.get("limits"):
            return Limits.model_validate(written[stack.name][scenario.id])
        return older.limits(facts, stack, scenario)

    return {stack.name: {scenario.id: of(stack, scenario) for scenario in scenarios} for stack in stacks}


def _stranger(trial: Trial, stacks: Iterable[Stack], scenarios: Container[str]) -> str:
    """Say of which stack or scenario a trial is that run.json does not have; empty where it has both."""
    if trial.stack.removesuffix(AA) not in {stack.name for stack in stacks}:
        what = f"stack {trial.stack!r}"
    elif trial.scenario not in scenarios:
        what = f"scenario {trial.scenario!r}"
    else:
        return ""
    return f"Outcomes of the {what} are left out: run.json does not have it. Restore the file that was changed."


def _incomplete(outcomes: Iterable[Outcome], blocks: Sequence[Block]) -> Iterator[str]:
    """Yield which attempts lack trials of those that blocks.jsonl has as complete."""
    sizes = Counter((one.trial.block, one.trial.attempt) for one in outcomes)
    recorded = {(one.block, one.attempt) for one in blocks}
    most = max(sizes.values(), default=0)
    for block, attempt in sorted(recorded):
        if lacking := most - sizes[block, attempt]:
            yield (
                f"trials.jsonl lacks {lacking} of the {most} trials of block {block + 1}, attempt {attempt + 1}, "
                "which blocks.jsonl has as complete: restore the file, or measure again."
            )
