"""Measure one attempt at a block: all trials of the plan once, on servers that are started for it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

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
from lab.runtime.postgres import Monitor
from lab.signals import deferred


@dataclass(frozen=True)
class Attempts:
    """What every attempt at a block needs."""

    context: Context
    record: Record
    driver: Driver
    wrong: Mapping[str, Mapping[str, str]]
    """Stack -> path -> what the contract check found there."""
    limits_of: LimitsOf

    @contextmanager
    def measured(self, number: int, attempt: int) -> Iterator[tuple[Block, list[Outcome]]]:
        """Start all arms, measure the trials one by one, stop all arms, and give how that went.

        When the last trial has ended, the block is whole: signals wait until the end of the `with` statement, in which
        the caller writes its record.
        """
        context, world, outcomes = self.context, self.context.world, list[Outcome]()
        logs = context.logs(f"block-{number:02d}{f'-again-{attempt}' if attempt else ''}")
        context.restore_backing(logs)
        started_at, began_s, before = datetime.now(UTC), world.clock_s(), world.look(context.cpus.server)
        *trials, last = context.plan.block(number, attempt)
        with ExitStack() as ending:
            with (
                closing(world.monitor(arm_of(DATABASE, context.services).port)) as monitor,
                context.serving(list(context.arms.values()), logs) as started,
            ):
                bench, trials_began_s = self._bench(started, monitor), world.clock_s()
                for trial in trials:
                    outcomes.append(self._kept(self._outcome(bench, trial, outcomes)))
                outcome = self._outcome(bench, last, outcomes)
                ending.enter_context(deferred())
                outcomes.append(self._kept(outcome))
                in_trials_s = world.clock_s() - trials_began_s
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
        path = self.context.scenarios[trial.scenario].path
        if reason := self.wrong.get(trial.stack.removesuffix(AA), {}).get(path):
            return Failure(trial=trial, started_at=datetime.now(UTC), reason=reason, off_contract=True)
        if not trial.load.is_share:
            return bench.measure(trial)
        of_closed = (trial.stack, trial.scenario, self.context.plan.profile.capacity_load)
        closed = next(one for one in before if (one.trial.stack, one.trial.scenario, one.trial.load) == of_closed)
        rate = offered_rps(trial, closed, self.limits_of)
        return rate if isinstance(rate, Failure) else bench.measure(trial, rate)

    def _kept(self, outcome: Outcome) -> Outcome:
        with deferred():
            self.context.folder.append(outcome)
        self.context.say.trial(outcome)
        return outcome

    def _bench(self, started: Started, monitor: Monitor) -> Bench:
        context, world = self.context, self.context.world
        targets: dict[str, Target] = {}
        unhealthy = dict(started.unhealthy)
        for label in (*context.arms, DATABASE, UPSTREAM):
            if label not in unhealthy:
                try:
                    targets[label] = context.runtime.target(label)
                except LabError as error:
                    unhealthy[label] = str(error)
        self.record.identify(context.runtime, list(targets), context.services)
        idle = {label: world.memory_bytes(target) for label, target in targets.items()}
        return Bench(context, self.driver, targets, monitor, unhealthy, started.blameless, idle)
