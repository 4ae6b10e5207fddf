"""Whole sessions on fakes, played to their end: what the rules of a session are tested with."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.config import selection
from lab.config.plan import Plan
from lab.contract import Finding
from lab.errors import LabError
from lab.host.machine import CpuPlan
from lab.model.outcome import Block, Failure, Outcome
from lab.model.workload import Profile, Scenario
from lab.run import session
from lab.run.context import Context
from lab.run.store import RunFolder
from tests.fakes import SERVICES, FakeWorld, Said
from tests.synthetic import scenario, stack

CPU = min(os.sched_getaffinity(0))
STACKS = {one.name: one for one in (stack("a", baseline=True), stack("b"))}
ARMS = 3
"""a, b, and a@aa: so many trials has a block of one scenario."""
STOP = "stop a b a@aa"
"""The step that ends the servers of a block."""


@dataclass
class Ran:
    """A session that has ended, and what its folder held then."""

    whole: bool | None
    """None where it raised."""
    error: str
    said: Said
    steps: list[str]
    facts: dict[str, Any]
    outcomes: tuple[Outcome, ...]
    blocks: tuple[Block, ...]

    @property
    def attempts(self) -> list[tuple[int, int]]:
        """(Block, attempt) of every record, in their order."""
        return [(block.block, block.attempt) for block in self.blocks]

    def of(self, arm: str, block: int = 0, attempt: int = 0) -> Outcome:
        key = (arm, block, attempt)
        (found,) = (o for o in self.outcomes if (o.trial.stack, o.trial.block, o.trial.attempt) == key)
        return found

    def failure(self, arm: str, block: int = 0, attempt: int = 0) -> Failure:
        found = self.of(arm, block, attempt)
        assert isinstance(found, Failure)
        return found


JSON = scenario("json")


def planned(scenarios: Sequence[Scenario] = (JSON,), **profile: Any) -> Plan:
    """Two stacks and the A/A arm, by default in two blocks with one re-run each."""
    asked: dict[str, Any] = {"blocks": 2, "warmup_s": 0, "window_s": 1, "timeout_s": 5, "reruns": 1}
    asked |= {"loads": ["closed:8"], **profile}
    names = tuple(one.id for one in scenarios)
    made = Profile(name="p", about="", stacks=tuple(STACKS), scenarios=names, **asked)
    return selection.plan(made, list(STACKS.values()), scenarios, seed=1)


def play(folder: Path, world: FakeWorld | None = None, scenarios: Sequence[Scenario] = (JSON,), **profile: Any) -> Ran:
    """Run a session until it ends, however it does; a folder that holds a run is resumed."""
    world, said, run = world or FakeWorld(), Said(), RunFolder(folder)
    cpus = CpuPlan(server=(CPU,), others=(CPU,))
    plan = planned(scenarios, **profile)
    context = Context(plan, STACKS, SERVICES, world.runtime, cpus, run, said, world.world)
    whole, why = None, ""
    try:
        whole = session.run(context)
    except LabError as error:
        why = str(error)
    return Ran(whole, why, said, world.steps, run.read_run(), run.outcomes(), run.blocks())


def steps_of(block: int) -> list[str]:
    """The steps of a block's trials in their order."""
    return [f"block-{block:02d} {trial.stack} json" for trial in planned().block(block)]


def finding(path: str = "/json", sentence: str = "GET /json: a wrong body") -> Finding:
    return Finding(path, sentence)
