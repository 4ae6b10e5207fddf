"""Measure one attempt at a block: all trials of the plan once, on the servers of all arms."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from lab.errors import LabError
from lab.load.client import Driver
from lab.model.outcome import Block, Failure, Outcome
from lab.model.stack import AA, Target
from lab.model.workload import Trial
from lab.run.capacity import offered_rps
from lab.run.context import Context
from lab.run.manifest import Record
from lab.run.measure import Bench
from lab.run.servers import DATABASE, UPSTREAM, arm_of
from lab.run.starting import Started
from lab.run.stopping import LimitsOf
from lab.run.window import grown
from lab.runtime.interface import died
from lab.runtime.postgres import Monitor
from lab.signals import deferred


class Fleet:
    """The servers of all arms, started for as many blocks in a row as the profile says; used in a `with` statement."""

    def __init__(self, context: Context, record: Record, driver: Driver) -> None:
        self._context, self._record, self._driver = context, record, driver
        self._running = ExitStack()
        self._bench: Bench | None = None
        self._blocks = 0
        """That these servers have served."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def bench(self, logs: Path) -> tuple[Bench, Started]:
        """Return what measures on these servers, and how those stand that were started for it: none where they still run."""
        context = self._context
        if self._bench and not any(died(context.runtime, label) for label in self._bench.targets):
            return self._bench, Started()
        self.stop()
        port = arm_of(DATABASE, context.services).port
        monitor = self._running.enter_context(closing(context.world.monitor(port)))
        started = self._running.enter_context(context.serving(list(context.arms.values()), logs))
        self._bench = self._made(started, monitor)
        return self._bench, started

    def end_block(self, outcomes: Iterable[Outcome]) -> None:
        """Stop the servers where they have served their blocks, or where one of them failed."""
        self._blocks += 1
        failed = any(isinstance(one, Failure) and not one.off_contract for one in outcomes)
        if failed or self._blocks == self._context.plan.profile.blocks_per_start:
            self.stop()

    def stop(self) -> None:
        """Stop the servers, if they run; the next block starts new ones."""
        self._bench, self._blocks = None, 0
        self._running.close()

    def _made(self, started: Started, monitor: Monitor) -> Bench:
        context, world = self._context, self._context.world
        targets: dict[str, Target] = {}
        unhealthy = dict(started.unhealthy)
        for label in (*context.arms, DATABASE, UPSTREAM):
            if label not in unhealthy:
                try:
                    targets[label] = context.runtime.target(label)
                except LabError as error:
                    unhealthy[label] = str(error)
        self._record.identify(context.runtime, list(targets), context.services)
        idle = {label: world.memory_bytes(target) for label, target in targets.items()}
        return Bench(context, self._driver, targets, monitor, unhealthy, started.blameless, idle)


@dataclass(frozen=True)
class Attempts:
    """What every attempt at a block needs."""

    context: Context
    fleet: Fleet
    wrong: Mapping[str, Mapping[str, str]]
    """Stack -> path -> what the contract check found there."""
    limits_of: LimitsOf

    @contextmanager
    def measured(self, number: int, attempt: int) -> Iterator[tuple[Block, list[Outcome]]]:
        """Measure the trials one by one and give how that went; a block that is measured again gets new servers.

        When the last trial has ended, the block is whole: signals wait until the end of the `with` statement, in which
        the caller writes its record.
        """
        context, world, outcomes = self.context, self.context.world, list[Outcome]()
        logs = context.logs(f"block-{number:02d}{f'-again-{attempt}' if attempt else ''}")
        if context.restore_backing(logs) or attempt:
            self.fleet.stop()
        started_at, began_s, before = datetime.now(UTC), world.clock_s(), world.look(context.cpus.server)
        *trials, last = context.plan.block(number, attempt)
        with ExitStack() as ending:
            (bench, started), trials_began_s = self.fleet.bench(logs), world.clock_s()
            for trial in trials:
                outcomes.append(self._kept(self._outcome(bench, trial, outcomes)))
            outcome = self._outcome(bench, last, outcomes)
            ending.enter_context(deferred())
            outcomes.append(self._kept(outcome))
            in_trials_s = world.clock_s() - trials_began_s
            self.fleet.end_block(outcomes)
            after = world.look(context.cpus.server)
            yield (
                Block(
                    block=number,
                    attempt=attempt,
                    started_at=started_at,
                    overhead_s=world.clock_s() - began_s - in_trials_s,
                    reference_before_s=before.reference_s,
                    reference_after_s=after.reference_s,
                    pressure_s={kind: after.pressure_s[kind] - total for kind, total in before.pressure_s.items()},
                    throttled_s=grown(before.throttled_s, after.throttled_s),
                    frequency_mhz=after.frequency_mhz,
                    cold_start_s=started.healthy_after_s,
                    start_cpu_s=started.start_cpu_s,
                ),
                outcomes,
            )

    def _outcome(self, bench: Bench, trial: Trial, before: Iterable[Outcome]) -> Outcome:
        """Measure a trial, unless the stack answers its path wrongly: a fast wrong answer is not a result.

        Args:
            before: the outcomes of this attempt so far; a share of capacity is taken of one of them.
        """
        self.context.say.running(trial)
        wrong = self.wrong.get(trial.stack.removesuffix(AA), {})
        if reason := next((wrong[path] for path in self.context.scenarios[trial.scenario].paths if path in wrong), ""):
            return Failure(trial=trial, started_at=datetime.now(UTC), reason=reason, off_contract=True)
        if not trial.load.is_share:
            return bench.measure(trial)
        of_closed = (trial.stack, trial.scenario, self.context.plan.profile.capacity_of(trial.load))
        closed = next(one for one in before if (one.trial.stack, one.trial.scenario, one.trial.load) == of_closed)
        rate = offered_rps(trial, closed, self.limits_of)
        return rate if isinstance(rate, Failure) else bench.measure(trial, rate)

    def _kept(self, outcome: Outcome) -> Outcome:
        with deferred():
            self.context.folder.append(outcome)
        self.context.say.trial(outcome)
        return outcome
