"""Measures trials one by one with faults put beside them, by the parts that a run is made of: `python -m tests.staged [docker]`.

It runs inside a copy of the checkout whose applications may be broken on purpose, so no stack is compared with the contract.
Standard input: a JSON list of scenes, each the stacks that run together and the trials on them. Standard output: one
JSON line per trial, its outcome and what the trial could do at most.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from lab.analysis.validity.causes import Cause
from lab.analysis.validity.limits import limits_of
from lab.analysis.validity.objections import CHECKS
from lab.config import scenarios, selection
from lab.config.plan import Plan
from lab.config.project import Project
from lab.host.machine import CpuPlan
from lab.load.client import Driver
from lab.load.protocol import Failed, Order
from lab.model.outcome import Driven, Sample
from lab.model.workload import Trial
from lab.paths import LOADTESTS, STATE
from lab.run import store
from lab.run.context import Context
from lab.run.measure import Bench
from lab.run.progress import Reporter
from lab.run.servers import DATABASE, UPSTREAM, arm_of, backing, serving
from lab.run.store import RunFolder
from lab.runtime import auto
from lab.runtime.interface import Runtime
from lab.runtime.postgres import Monitor
from lab.settings.reading import known as running

DISTURBED = {"server's CPU taken": (Cause.STOLEN,)}
"""Fault -> what says that the machine was not its own …"""
ALONE = (Cause.STOLEN, Cause.FOREIGN)
"""… and what says it where no program of ours takes the server's CPU."""
TAKEN: dict[str, Callable[[CpuPlan], Sequence[int]]] = {
    "server's CPU taken": lambda cpus: cpus.server,
    "silent, its CPU taken": lambda cpus: cpus.server,
    "generator's CPU taken": lambda cpus: cpus.others,
    "generator's CPU taken, closed": lambda cpus: cpus.others,
}
"""Fault -> the CPUs that programs of ours take."""
TRIES = 5
"""A trial of which the machine took too much says nothing of its fault and is measured again."""
SPINNERS = 4
"""More than one: beside a single one the scheduler still gives a process that sleeps a lot whatever it asks for."""


class DoomedDriver(Driver):
    """A driver that kills a process (itself, where that is the one) as the load begins."""

    victim: int | None = None

    def run(self, order: Order, on_began: Callable[[float, float], None]) -> Driven | Failed:
        def kill_and_go_on(start_s: float, end_s: float) -> None:
            if self.victim is not None:
                os.kill(self.victim, signal.SIGKILL)
            on_began(start_s, end_s)

        return super().run(order, kill_and_go_on)


def main() -> None:
    """Plays the scenes."""
    project = Project.here()
    os.sched_setaffinity(0, project.cpus.others)
    runtime = auto.runtime(project, *(sys.argv[1:] or ["process"]))
    with tempfile.TemporaryDirectory() as folder, store.only_one(STATE):
        logs = Path(folder)
        try:
            scenes = json.load(sys.stdin)
            runtime.prepare([DATABASE, UPSTREAM, *(stack for scene in scenes for stack in scene["stacks"])])
            with (
                backing(runtime, project.services, logs),
                DoomedDriver(logs / "driver.log", project.cpus.others) as driver,
            ):
                for scene in scenes:
                    _play(scene, project, runtime, driver, logs)
        finally:
            runtime.stop_all()


def _play(scene: dict[str, Any], project: Project, runtime: Runtime, driver: DoomedDriver, logs: Path) -> None:
    arms = {name: arm_of(name, project.services) for name in scene["stacks"]}
    known = {one.id: one for one in scenarios.find(LOADTESTS, [trial["scenario"] for trial in scene["trials"]])}
    with (
        serving(runtime, list(arms.values()), logs, project.cpus.server) as started,
        contextlib.closing(Monitor(arm_of(DATABASE, project.services).port)) as monitor,
    ):
        assert not started.unhealthy, started.unhealthy
        targets = {label: runtime.target(label) for label in (*arms, DATABASE, UPSTREAM)}
        profile = selection.profile(LOADTESTS, "smoke")
        plan = Plan(profile=profile, seed=7, arms=tuple(arms), scenarios=tuple(known.values()), impossible={})
        context = Context(plan, project.stacks, project.services, runtime, project.cpus, RunFolder(logs), Reporter())
        bench = Bench(context, driver, targets, monitor)
        settings = {name: running(project.services[name], targets[name], arm.port) for name, arm in arms.items()}
        for number, words in enumerate(scene["trials"]):
            fault = words.pop("fault", "")
            times = {"warmup_s": 0.2, "window_s": 0.6, "timeout_s": 5.0}
            trial = Trial.model_validate({"block": number, "seed": 7, **times, **words})
            victims = {"driver dies": driver.pid, "database dies": targets[DATABASE].pid}
            driver.victim = victims.get(fault)
            cpus = TAKEN[fault](project.cpus) if fault in TAKEN else ()
            stack, scenario = project.stacks[trial.stack], known[trial.scenario]
            most = limits_of(stack, scenario, settings[trial.stack], project.cpus.model_dump())
            with spinning(cpus):
                outcome = bench.measure(trial)
                for _ in range(TRIES - 1):
                    disturbed = DISTURBED.get(fault, ALONE)
                    if isinstance(outcome, Sample) and any(dict(CHECKS)[one](outcome, most) for one in disturbed):
                        again = bench.measure(trial)
                        if isinstance(again, Sample):  # its first answer may be a faulty one
                            outcome = again
            line = {"outcome": outcome.model_dump(mode="json"), "setting": most.model_dump(mode="json")}
            sys.stdout.write(json.dumps(line) + "\n")


@contextlib.contextmanager
def spinning(cpus: Collection[int]) -> Iterator[None]:
    """Other programs that take all they can get of these CPUs."""
    with contextlib.ExitStack() as ending:
        for cpu in [*cpus] * SPINNERS:
            code = f"import os\nos.sched_setaffinity(0, [{cpu}])\nprint(flush=True)\nwhile os.getppid() == {os.getpid()}: pass"
            process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
            ending.callback(process.wait)
            ending.callback(process.kill)
            assert process.stdout is not None
            ending.callback(process.stdout.close)
            process.stdout.readline()
        yield


if __name__ == "__main__":
    main()
