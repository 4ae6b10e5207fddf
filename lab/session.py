"""One run from nothing to its outcomes: images, services, contract check, blocks of trials. Reports come afterwards."""

import statistics
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from lab import contract, facts, machine, watch
from lab.drive import Driver
from lab.errors import LabError
from lab.interrupt import deaf, deferred, interruptible
from lab.launch.runtime import Runtime
from lab.measure import Bench
from lab.nouns import AA, Arm, Failure, Sample, Service, Stack, Target, Trial
from lab.plan import Plan, expected_s
from lab.progress import Say
from lab.project import COMPOSE_FILE, LOCKS, ROOT
from lab.servers import DATABASE, UPSTREAM, arm_of, backing, serving
from lab.store import RunFolder

EXPECTED_TRIAL_OVERHEAD_S = 0.2
EXPECTED_BLOCK_OVERHEAD_S = 4.0


@dataclass
class Session:
    """A run: what is planned, where it runs, where it is written."""

    plan: Plan
    stacks: Mapping[str, Stack]
    services: Mapping[str, Service]
    runtime: Runtime
    cpus: machine.CpuPlan
    folder: RunFolder
    say: Say

    def run(self) -> bool:
        """Measures whatever of the plan is not measured yet; True if nothing is left to measure.

        An interruption (Ctrl-C, SIGTERM) ends it early: all is stopped, what was measured stays, run.json says so.

        Raises:
            LabError: nothing could be measured at all (no image, no database, …).
        """
        self.folder.create()
        self._began_s = time.monotonic()
        self._block_overheads_s: list[float] = []
        with interruptible():
            try:
                self._measure()
                self._write_run(ended=True)
                return True
            except KeyboardInterrupt:
                with deaf():
                    self.say.step("Interrupted: stopping everything; what was measured is kept.")
                    self.runtime.stop_all()
                    self._facts["interruptions"].append(datetime.now(UTC))
                    self._write_run(ended=False)
                return False
            finally:
                with deaf():
                    self.runtime.stop_all()

    def _measure(self) -> None:
        needed = {self.arms[label].service for label in self.arms} | {DATABASE, UPSTREAM}
        self.say.step(f"Preparing {', '.join(sorted(needed))} ({self.runtime.name}) …")
        self.runtime.stop_all()
        self.runtime.prepare(sorted(needed))
        with backing(self.runtime, self.services, self.folder.logs) as database_version:
            self._facts["versions"] = {DATABASE: {"postgresql": database_version}}
            self._refused = self._contract_findings()
            with Driver(cpus=self.cpus.others, log=self.folder.logs / "driver.log") as driver:
                self._run_blocks(driver)

    def _run_blocks(self, driver: Driver) -> None:
        todo = self._todo()
        per_block = self.plan.trials_per_block
        left_s = expected_s(self.plan, EXPECTED_TRIAL_OVERHEAD_S, EXPECTED_BLOCK_OVERHEAD_S)
        self._facts["setup_s"] = time.monotonic() - self._began_s
        self._facts["measuring_started_at"] = datetime.now(UTC)
        self._write_run(ended=False)
        self.say.begin(per_block * len(todo), left_s * len(todo) / self.plan.profile.blocks)
        for number, attempt in todo:
            self.say.block(number, self.plan.profile.blocks)
            self._run_block(driver, number, attempt)
        self._facts["measuring_ended_at"] = datetime.now(UTC)

    def _run_block(self, driver: Driver, number: int, attempt: int) -> None:
        """Starts all stacks afresh, measures the block's trials one by one, stops all stacks."""
        began_s = time.monotonic()
        in_trials_s = 0.0
        logs = self.folder.logs / f"block-{number:02d}{f'-again-{attempt}' if attempt else ''}"
        logs.mkdir(exist_ok=True)
        with serving(self.runtime, list(self.arms.values()), logs) as unhealthy:
            bench = self._bench(driver, unhealthy)
            for trial in self.plan.block(number, attempt):
                trial_began_s = time.monotonic()
                self._keep(self._refusal(trial) or bench.measure(trial))
                in_trials_s += time.monotonic() - trial_began_s
        self._block_overheads_s.append(time.monotonic() - began_s - in_trials_s)

    def _keep(self, outcome: Sample | Failure) -> None:
        with deferred():
            self.folder.append(outcome)
        self.say.trial(outcome)

    def _refusal(self, trial: Trial) -> Failure | None:
        """A stack that answers a path wrongly is not measured on it: a fast wrong answer is not a result."""
        scenario = next(scenario for scenario in self.plan.scenarios if scenario.id == trial.scenario)
        reason = self._refused.get(trial.stack.removesuffix(AA), {}).get(scenario.path)
        return Failure(trial=trial, started_at=datetime.now(UTC), reason=reason) if reason else None

    def _bench(self, driver: Driver, unhealthy: Mapping[str, str]) -> Bench:
        targets: dict[str, Target] = {}
        unhealthy = dict(unhealthy)
        for label in (*self.arms, DATABASE, UPSTREAM):
            if label not in unhealthy:
                try:
                    targets[label] = self.runtime.target(label)
                except LabError as error:
                    unhealthy[label] = str(error)
        self._identify(targets)
        return Bench(
            runtime=self.runtime,
            driver=driver,
            cpus=self.cpus,
            scenarios={scenario.id: scenario for scenario in self.plan.scenarios},
            arms=self.arms,
            targets=targets,
            unhealthy=unhealthy,
            idle_rss_bytes={label: watch.memory_bytes(target) for label, target in targets.items()},
        )

    def _contract_findings(self) -> dict[str, dict[str, str]]:
        """Stack -> path -> what it answers wrongly."""
        self.say.step("Holding every stack to the contract …")
        arms = [arm for label, arm in self.arms.items() if not label.endswith(AA)]
        found: dict[str, dict[str, str]] = {}
        logs = self.folder.logs / "contract"
        logs.mkdir(exist_ok=True)
        with serving(self.runtime, arms, logs) as unhealthy:
            for arm in arms:
                found[arm.label] = {} if arm.label in unhealthy else self._broken_paths(arm)
                for sentence in found[arm.label].values():
                    self.say.step(f"  {arm.label}: {sentence}")
        return found

    def _broken_paths(self, arm: Arm) -> dict[str, str]:
        """Path -> finding; only what is found twice counts, since some checks look at the clock."""
        url, stack = f"http://127.0.0.1:{arm.port}", self.stacks[arm.label]
        first = contract.verify(url, stack)
        again = {finding.path for finding in contract.verify(url, stack)} if first else set()
        return {finding.path: str(finding) for finding in first if finding.path in again}

    def _identify(self, targets: Mapping[str, Target]) -> None:
        """Versions and images, asked of the first servers that run."""
        versions: dict[str, dict[str, str]] = self._facts.setdefault("versions", {})
        images: dict[str, str] = self._facts.setdefault("images", {})
        for label in targets:
            if label.endswith(AA) or label in images or "python" in versions.get(label, {}):
                continue
            identity = self.runtime.identify(label)
            if image := identity.pop("image", None):
                images[label] = image
            lock = self.services[label].lock
            locked = facts.locked_versions(LOCKS / f"{lock}.txt") if lock else {}
            versions[label] = {**versions.get(label, {}), **identity, **locked}

    def _todo(self) -> list[tuple[int, int]]:
        """(block, attempt) of what is not measured whole yet."""
        done: dict[int, Counter[int]] = {}
        for outcome in self.folder.outcomes():
            done.setdefault(outcome.trial.block, Counter())[outcome.trial.attempt] += 1
        whole = self.plan.trials_per_block
        blocks = ((number, done.get(number, Counter())) for number in range(self.plan.profile.blocks))
        return [(number, max(tries) + 1 if tries else 0) for number, tries in blocks if whole not in tries.values()]

    @cached_property
    def arms(self) -> dict[str, Arm]:
        """The plan's labels as arms to start."""
        return {label: arm_of(label, self.services) for label in self.plan.arms}

    @cached_property
    def _facts(self) -> dict[str, Any]:
        """What goes into run.json; filled while the run goes on."""
        if self.folder.exists:
            return self.folder.read_run()
        chosen = {arm.service: self.services[arm.service] for arm in self.arms.values()}
        return {
            "profile": self.plan.profile.model_dump(mode="json"),
            "seed": self.plan.seed,
            "runtime": self.runtime.name,
            "machine": machine.facts(),
            "cpu_plan": self.cpus.model_dump(mode="json"),
            "git": facts.git(ROOT),
            "sha256": facts.sha256(ROOT, [COMPOSE_FILE, *LOCKS.glob("*.txt")]),
            "stacks": [self.stacks[name].model_dump(mode="json") for name in chosen],
            "arms": list(self.arms),
            "scenarios": [scenario.model_dump(mode="json") for scenario in self.plan.scenarios],
            "knobs": {name: facts.knobs(service) for name, service in chosen.items()},
            "not_applied": facts.not_applied(chosen) if self.runtime.name == "process" else [],
            "started_at": datetime.now(UTC),
            "interruptions": [],
        }

    def _write_run(self, *, ended: bool) -> None:
        trials = [outcome for outcome in self.folder.outcomes() if isinstance(outcome, Sample)]
        overheads_s = [outcome.overhead_s for outcome in trials]
        now = datetime.now(UTC)
        self.folder.write_run(
            self._facts
            | {
                "ended_at": now if ended else None,
                "overhead": {
                    "setup_s": self._facts.get("setup_s"),
                    "trial_median_s": statistics.median(overheads_s) if overheads_s else None,
                    "block_median_s": statistics.median(self._block_overheads_s) if self._block_overheads_s else None,
                },
            }
        )
