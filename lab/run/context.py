"""What the parts of a session share: the plan, what it is measured with, and where it is written."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lab import contract
from lab.analysis.micro import Original
from lab.config.plan import Plan
from lab.config.scenarios import ALL
from lab.host import noise, readings
from lab.host.machine import CpuPlan
from lab.load.client import Driver
from lab.model.effective import Settings
from lab.model.experiment import Experiment
from lab.model.mixtures import all_of
from lab.model.stack import AA, Arm, Service, Stack, Target, baseline
from lab.model.workload import Scenario
from lab.run import provenance, rounds, scripts, servers
from lab.run.progress import Reporter
from lab.run.starting import Started
from lab.run.store import RunFolder
from lab.run.window import Window
from lab.runtime.interface import Runtime
from lab.runtime.postgres import Monitor
from lab.settings.reading import known

Start = Callable[[Runtime, Sequence[Arm], Path, Collection[int]], AbstractContextManager[Started]]


@dataclass(frozen=True)
class World:
    """What a session asks of the machine and of running servers, beside its runtime; tests replace it."""

    clock_s: Callable[[], float] = time.monotonic
    surroundings: Callable[[Mapping[str, Service]], dict[str, Any]] = provenance.surroundings
    look: Callable[[Collection[int]], noise.Moment] = noise.look
    backing: Callable[[Runtime, Mapping[str, Service], Path], AbstractContextManager[str]] = servers.backing
    restore_backing: Callable[[Runtime, Mapping[str, Service], Path], list[str]] = servers.restore_backing
    serving: Start = servers.serving
    verify: Callable[[str, Stack], list[contract.Finding]] = contract.verify
    settings: Callable[[Service, Target, int], Settings] = known
    rate: Callable[[Runtime, Sequence[Arm], Path, Collection[int]], rounds.Rate] = rounds.calibrated
    micro: Callable[[Mapping[str, Service], Runtime, Path, Reporter], Original] = scripts.measure
    memory_bytes: Callable[[Target], int | None] = readings.memory_bytes
    driver: Callable[[Path, Collection[int]], AbstractContextManager[Driver]] = Driver
    monitor: Callable[[int], Monitor] = Monitor
    window: Callable[..., Window] = Window


@dataclass(frozen=True)
class Context:
    """One run: what is planned, where it runs, where it is written."""

    plan: Plan
    stacks: Mapping[str, Stack]
    services: Mapping[str, Service]
    runtime: Runtime
    cpus: CpuPlan
    folder: RunFolder
    say: Reporter
    world: World = World()
    budget: Mapping[str, int] = field(default_factory=dict)
    """Setting -> value, of those that are changed for all stacks."""
    experiments: tuple[Experiment, ...] = ()
    """The statements that the run's report decides, as far as it has their cells."""

    @cached_property
    def arms(self) -> dict[str, Arm]:
        """Return the plan's labels as arms to start."""
        return {label: servers.arm_of(label, self.services) for label in self.plan.arms}

    @cached_property
    def chosen(self) -> dict[str, Stack]:
        """Return the stacks of the plan by name, without the A/A arm."""
        return {label: self.stacks[label] for label in self.plan.arms if not label.endswith(AA)}

    @cached_property
    def scenarios(self) -> dict[str, Scenario]:
        """Return the scenarios of the plan's trials by id."""
        return all_of(self.plan.scenarios)

    @property
    def needs_micro(self) -> bool:
        """Return whether a statement that the run asks about needs the steps of `make micro`; none where only some scenarios are asked."""
        profile = self.plan.profile
        asked, ids = profile.experiments, {one.id for one in self.plan.scenarios}
        steps = {one.id for one in self.experiments if any(side.step for side in one.sides)}
        return ids.issuperset(profile.all_scenarios) and bool(steps) and (ALL in asked or bool(steps & set(asked)))

    @property
    def baseline(self) -> str:
        """Return the name of the stack that the others are compared with."""
        return baseline(list(self.chosen.values())).name

    def logs(self, name: str) -> Path:
        """Return a folder for the logs of one part of the run."""
        logs = self.folder.logs / name
        logs.mkdir(exist_ok=True)
        return logs

    @contextmanager
    def serving(self, arms: Sequence[Arm], logs: Path) -> Iterator[Started]:
        """Start arms, say which were started twice, and stop them at the end."""
        with self.world.serving(self.runtime, arms, logs, self.cpus.server) as started:
            self.say_each(started.again)
            yield started

    def restore_backing(self, logs: Path) -> bool:
        """Restart a database or upstream that no longer serves, and say so; True where that was necessary."""
        sentences = self.world.restore_backing(self.runtime, self.services, logs)
        self.say_each(sentences)
        return bool(sentences)

    def say_each(self, sentences: Collection[str]) -> None:
        """Say what was found during a step, each sentence on a line of its own."""
        for sentence in sentences:
            self.say.step(f"  {sentence}")
