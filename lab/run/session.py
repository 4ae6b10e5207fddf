"""One run from nothing to its outcomes: images, services, contract check, blocks of trials. Reports come afterwards."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from lab import contract
from lab.analysis.validity.limits import Limits, limits_of
from lab.config.plan import Plan, expected_s
from lab.errors import LabError
from lab.host import noise, readings
from lab.host.cpus import running_on
from lab.host.machine import CpuPlan
from lab.load.client import Driver
from lab.model.effective import Settings
from lab.model.outcome import Block, Failure, Sample
from lab.model.stack import AA, Arm, Service, Stack, Target, baseline
from lab.model.workload import Scenario, Trial
from lab.run import rounds, stopping
from lab.run.manifest import Record, first_facts
from lab.run.measure import Bench
from lab.run.progress import Say
from lab.run.servers import DATABASE, UPSTREAM, arm_of, backing, restore_backing, serving
from lab.run.starting import Started
from lab.run.store import RunFolder
from lab.run.time_budget import TimeBudget
from lab.runtime import quota
from lab.runtime.interface import Runtime
from lab.runtime.postgres import Monitor
from lab.settings.budget import unequal
from lab.settings.reading import configured, known
from lab.signals import deaf, deferred, interruptible

EXPECTED_TRIAL_OVERHEAD_S = 0.1
EXPECTED_BLOCK_OVERHEAD_S = 4.0


@dataclass
class Session:
    """A run: what is planned, where it runs, where it is written."""

    plan: Plan
    stacks: Mapping[str, Stack]
    services: Mapping[str, Service]
    runtime: Runtime
    cpus: CpuPlan
    folder: RunFolder
    say: Say
    _persistent: stopping.Persistent = field(default_factory=stopping.Persistent)
    _settings: dict[str, Settings] = field(default_factory=dict)
    _time_budget: TimeBudget = field(default_factory=TimeBudget)

    def run(self) -> bool:
        """Measures whatever of the plan is not measured yet; True if nothing is left to measure.

        An interruption (Ctrl-C, SIGTERM) ends it early: all is stopped, what was measured stays, run.json says so.

        Raises:
            LabError: nothing could be measured at all (no image, no database, …).
        """
        self.folder.create()
        self._record.write(ended=False)  # so that a run that is killed before its first trial can be resumed too
        with running_on(self.cpus.others), interruptible():  # neither the lab nor what it starts uses the server's CPUs
            try:
                self._measure()
                self._record.write(ended=True)
                return True
            except KeyboardInterrupt:
                with deaf():
                    self.say.step("Interrupted: stopping everything; what was measured is kept.")
                    self.runtime.stop_all()
                    self._record.interrupted()
                    self._record.write(ended=False)
                return False
            except LabError:
                self._record.write(ended=False)
                raise
            finally:
                with deaf():
                    self.runtime.stop_all()

    def _measure(self) -> None:
        began_s = time.monotonic()
        needed = sorted({arm.service for arm in self.arms.values()} | {DATABASE, UPSTREAM})
        self.say.step(f"Preparing {', '.join(needed)} ({self.runtime.name}) …")
        self.runtime.stop_all()
        self.runtime.prepare(needed)
        for sentence in quota.not_given(self.runtime.not_applied(needed)):
            self.say.step(sentence)
        self._record.weigh(self.runtime, needed)
        with backing(self.runtime, self.services, self.folder.logs) as database_version:
            self._record.version(DATABASE, {"postgresql": database_version})
            self._broken = self._check_contract()
            self._turn_cpu_ms_into_rounds()
            with Driver(cpus=self.cpus.others, log=self.folder.logs / "driver.log") as driver:
                self._record.set(setup_s=time.monotonic() - began_s, measuring_started_at=datetime.now(UTC))
                self._run_blocks(driver)
                self._record.set(measuring_ended_at=datetime.now(UTC))

    def _run_blocks(self, driver: Driver) -> None:
        todo = self._todo(range(self.plan.profile.blocks))
        per_block = self.plan.trials_per_block
        whole_s = expected_s(self.plan, EXPECTED_TRIAL_OVERHEAD_S, EXPECTED_BLOCK_OVERHEAD_S)
        self.say.begin(per_block * len(todo), whole_s * len(todo) / self.plan.profile.blocks)
        for place, (number, attempt) in enumerate(todo, start=1):
            self._run_until_quiet(driver, number, attempt, to_come=len(todo) - place)
        self._record.set(stopped=self._run_until_precise(driver))

    def _run_until_precise(self, driver: Driver) -> str:
        """Adds blocks until the ratios are known well enough; says why there are no more of them."""
        profile = self.plan.profile
        if profile.precision is None:
            return f"the profile asks for {profile.blocks} blocks"
        for number in range(profile.blocks, profile.most_blocks or 0):
            ratios = self._ratios(profile.precision)
            if not ratios.wide:
                return str(ratios)
            if not self._time_budget.has_room(profile.limit_min):
                return f"another block would have taken longer than the {profile.limit_min:g} minutes of this profile"
            self.say.step(f"{len(ratios.wide)} ratios are not known well enough yet, {ratios.wide[0]} first.")
            self.say.more(self.plan.trials_per_block)
            for _, attempt in self._todo([number]):
                self._run_until_quiet(driver, number, attempt)
        ratios = self._ratios(profile.precision)
        return f"the profile allows {profile.most_blocks} blocks" if ratios.wide else str(ratios)

    def _run_until_quiet(self, driver: Driver, number: int, attempt: int, to_come: int = 0) -> None:
        """Runs a block, and again where it was noisy, as often as the profile allows and its time lasts."""
        while noise := self._timed(driver, number, attempt):
            if sum(record.block == number for record in self.folder.blocks()) > self.plan.profile.reruns:
                return  # attempts that were broken off have no record, and use up none
            if not self._time_budget.has_room(self.plan.profile.limit_min, to_come):
                self.say.step(f"Block {number + 1} is not run again, for want of time: {noise}")
                return
            self.say.step(f"Block {number + 1} is run again: {noise}")
            self.say.more(self.plan.trials_per_block)
            attempt += 1

    def _timed(self, driver: Driver, number: int, attempt: int) -> str:
        with self._time_budget:
            return self._run_block(driver, number, attempt)

    def _run_block(self, driver: Driver, number: int, attempt: int) -> str:
        """Starts all stacks afresh, measures the block's trials one by one, stops all stacks; says if it was noisy."""
        self.say.block(number, max(self.plan.profile.blocks, number + 1))
        logs = self.folder.logs / f"block-{number:02d}{f'-again-{attempt}' if attempt else ''}"
        logs.mkdir(exist_ok=True)
        self._restore_backing(logs)
        started_at, began_s, before = datetime.now(UTC), time.monotonic(), noise.look(self.cpus.server)
        in_trials_s = 0.0
        outcomes: list[Sample | Failure] = []
        trials = list(self.plan.block(number, attempt))
        with ExitStack() as ending, ExitStack() as running:
            monitor = running.enter_context(closing(Monitor(arm_of(DATABASE, self.services).port)))
            started = running.enter_context(self._serving(list(self.arms.values()), logs))
            bench = self._bench(driver, started, monitor)
            for trial in trials:
                trial_began_s = time.monotonic()
                outcome = self._refusal(trial) or bench.measure(trial)
                in_trials_s += time.monotonic() - trial_began_s
                if trial == trials[-1]:  # with it the block is whole, and is written down whoever interrupts
                    ending.enter_context(deferred())
                outcomes.append(self._kept(outcome))
            running.close()
            after = noise.look(self.cpus.server)
            block = Block(
                block=number,
                attempt=attempt,
                started_at=started_at,
                overhead_s=time.monotonic() - began_s - in_trials_s,
                reference_before_s=before.reference_s,
                reference_after_s=after.reference_s,
                pressure_s={kind: after.pressure_s[kind] - total for kind, total in before.pressure_s.items()},
                throttled_s=_grown(before.throttled_s, after.throttled_s),
                frequency_mhz=after.frequency_mhz,
                cold_start_s=started.healthy_after_s,
                start_cpu_s=started.start_cpu_s,
            )
            return self._judged(block, outcomes)

    def _judged(self, block: Block, outcomes: list[Sample | Failure]) -> str:
        """Write the block down and return what was wrong with it; cells that re-runs do not help no longer count."""
        disturbance = stopping.disturbance(block, self.folder.blocks())
        invalid = stopping.invalid(outcomes, self._limits)
        can_add = block.block + 1 < (self.plan.profile.most_blocks or 0) and self._time_budget.has_room(
            self.plan.profile.limit_min
        )
        noise = disturbance or stopping.rejected(self._persistent.without(invalid), len(outcomes), can_add)
        self.folder.append_block(block.model_copy(update={"noise": noise}))
        self._persistent.note(block, invalid)
        return noise

    def _kept(self, outcome: Sample | Failure) -> Sample | Failure:
        with deferred():
            self.folder.append(outcome)
        self.say.trial(outcome)
        return outcome

    def _refusal(self, trial: Trial) -> Failure | None:
        """A stack that answers a path wrongly is not measured on it: a fast wrong answer is not a result."""
        reason = self._broken.get(trial.stack.removesuffix(AA), {}).get(self._scenarios[trial.scenario].path)
        if not reason:
            return None
        return Failure(trial=trial, started_at=datetime.now(UTC), reason=reason, off_contract=True)

    @contextmanager
    def _serving(self, arms: Sequence[Arm], logs: Path) -> Iterator[Started]:
        with serving(self.runtime, arms, logs, self.cpus.server) as started:
            for sentence in started.again:
                self.say.step(f"  {sentence}")
            yield started

    def _restore_backing(self, logs: Path) -> bool:
        """Start a database or upstream that no longer serves again, and say so; True where that was necessary."""
        sentences = restore_backing(self.runtime, self.services, logs)
        for sentence in sentences:
            self.say.step(f"  {sentence}")
        return bool(sentences)

    def _bench(self, driver: Driver, started: Started, monitor: Monitor) -> Bench:
        targets: dict[str, Target] = {}
        unhealthy = dict(started.unhealthy)
        for label in (*self.arms, DATABASE, UPSTREAM):
            if label not in unhealthy:
                try:
                    targets[label] = self.runtime.target(label)
                except LabError as error:
                    unhealthy[label] = str(error)
        self._record.identify(self.runtime, list(targets), self.services)
        return Bench(
            runtime=self.runtime,
            driver=driver,
            cpus=self.cpus,
            scenarios=self._scenarios,
            arms=self.arms,
            targets=targets,
            monitor=monitor,
            unhealthy=unhealthy,
            blameless=started.blameless,
            idle_memory_bytes={label: readings.memory_bytes(target) for label, target in targets.items()},
        )

    def _check_contract(self) -> dict[str, dict[str, str]]:
        """Stack -> path -> what it answers wrongly. Each stack runs alone, which also says how long its start takes."""
        self.say.step("Holding every stack to the contract …")
        found: dict[str, dict[str, str]] = {}
        alone_s: dict[str, float] = {}
        logs = self.folder.logs / "contract"
        logs.mkdir(exist_ok=True)
        for arm in (arm for label, arm in self.arms.items() if not label.endswith(AA)):
            self._restore_backing(logs)
            with self._serving([arm], logs) as started:
                healthy = arm.label not in started.unhealthy
                found[arm.label] = self._broken_paths(arm, logs) if healthy else {}
                self._settings[arm.label] = self._known(arm, healthy)
                alone_s |= started.healthy_after_s
            for sentence in found[arm.label].values():
                self.say.step(f"  {arm.label}: {sentence}")
        self._record.set(cold_start_alone_s=alone_s)
        self._check_budget()
        return found

    def _turn_cpu_ms_into_rounds(self) -> None:
        """Plan with rounds where a scenario asks for CPU time; a resumed run keeps those that it began with."""
        asked = [scenario.id for scenario in self.plan.scenarios if scenario.cpu_ms is not None]
        if not asked:
            return
        known = self._record.get("cpu_ms")
        rate = rounds.Rate.model_validate(known) if known else self._measured_rate()
        self.plan = self.plan.model_copy(
            update={"scenarios": tuple(rounds.with_rounds(scenario, rate) for scenario in self.plan.scenarios)}
        )
        self._record.set(
            cpu_ms=rate.model_dump(), scenarios=[scenario.model_dump(mode="json") for scenario in self.plan.scenarios]
        )
        self._record.write(ended=False)
        self.say.step(
            f"1 ms of CPU time is {rate.rounds_per_ms:,.0f} rounds ({rate.stack}): used for {', '.join(asked)}."
        )

    def _measured_rate(self) -> rounds.Rate:
        """On the baseline where it serves the path as it should, else on the first other stack that does."""
        first = baseline([self.stacks[label] for label in self.arms if not label.endswith(AA)]).name
        able = [
            label
            for label in sorted(self.arms, key=lambda label: label != first)
            if not label.endswith(AA)
            and self.stacks[label].why_omitted(rounds.PATH) is None
            and rounds.PATH not in self._broken.get(label, {})
        ]
        return rounds.calibrated(
            self.runtime, [self.arms[label] for label in able], self.folder.logs / "contract", self.cpus.server
        )

    def _known(self, arm: Arm, healthy: bool) -> Settings:
        """What a stack runs with; of one that does not run, what it was to be started with."""
        service = self.services[arm.service]
        try:
            return known(service, self.runtime.target(arm.label), arm.port) if healthy else configured(service)
        except LabError:
            return configured(service)

    def _check_budget(self) -> None:
        """Says which stacks have neither the equal budget nor a declared exception, here and in run.json."""
        found = {
            name: unequal(self.stacks[name], self.services[name], settings) for name, settings in self._settings.items()
        }
        for sentences in found.values():
            for sentence in sentences:
                self.say.step(f"  {sentence}")
        self._record.runs_with(self._settings, found)

    def _broken_paths(self, arm: Arm, logs: Path) -> dict[str, str]:
        """Path -> finding; only what is found twice counts, since some checks look at the clock."""
        url, stack = f"http://127.0.0.1:{arm.port}", self.stacks[arm.label]
        first = contract.verify(url, stack)
        if first and self._restore_backing(logs):  # what was found may have been the service's
            first = contract.verify(url, stack)
        again = {finding.path for finding in contract.verify(url, stack)} if first else set()
        return {finding.path: str(finding) for finding in first if finding.path in again}

    def _todo(self, blocks: Iterable[int]) -> list[tuple[int, int]]:
        outcomes, records = self.folder.outcomes(), self.folder.blocks()
        return stopping.unmeasured(blocks, outcomes, self.plan.trials_per_block, records, self.plan.profile.reruns)

    def _ratios(self, precision: float) -> stopping.Ratios:
        chosen = [self.stacks[name] for name in self.arms if not name.endswith(AA)]
        return stopping.ratios(self.folder.outcomes(), self._limits, baseline(chosen).name, precision)

    def _limits(self, trial: Trial) -> Limits:
        name = trial.stack.removesuffix(AA)
        return limits_of(
            self.stacks[name], self._scenarios[trial.scenario], self._settings[name], self.cpus.model_dump()
        )

    @cached_property
    def arms(self) -> dict[str, Arm]:
        """The plan's labels as arms to start."""
        return {label: arm_of(label, self.services) for label in self.plan.arms}

    @cached_property
    def _scenarios(self) -> dict[str, Scenario]:
        return {scenario.id: scenario for scenario in self.plan.scenarios}

    @cached_property
    def _record(self) -> Record:
        first = first_facts(self.plan, self.stacks, self.services, self.runtime, self.cpus)
        return Record(self.folder, first)


def _grown(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before
