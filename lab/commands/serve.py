"""`verify`, `up` and `down`: run servers outside of a run."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.config import selection
from lab.config.project import Project
from lab.config.scenarios import ALL
from lab.errors import Exit, LabError
from lab.model.stack import Arm, Service, Setting, Stack
from lab.paths import STATE
from lab.run import store
from lab.run.progress import Reporter
from lab.run.servers import DATABASE, UPSTREAM, arm_of, backing, serving, start_backing
from lab.run.starting import start
from lab.runtime import auto, quota
from lab.runtime.interface import Runtime
from lab.settings import budget, labels
from lab.settings.idle import kept_s
from lab.signals import deferred, interruptible

BEYOND_S = 5
"""Seconds beyond the budget for which an idle connection is watched."""


@dataclass(frozen=True)
class Prepared:
    """Stacks that can be started, while nothing else of this checkout runs."""

    project: Project
    runtime: Runtime
    stacks: list[Stack]
    logs: Path
    """Folder of the servers' logs."""
    say: Reporter

    @property
    def arms(self) -> list[Arm]:
        return [arm_of(stack.name, self.project.services) for stack in self.stacks]


def verify(stacks: str, runtime_name: str, changed: Mapping[str, int], *, quick: bool = False) -> Exit:
    """Compare stacks (comma-separated; empty means all) with the HTTP contract, the equal budget and their labels, one by one.

    At the end all run at once, and the lab measures how long each keeps an idle connection. That takes more than a minute;
    `quick` leaves it out.

    Args:
        changed: setting -> the value that all stacks are to have instead of the equal budget's.

    Raises:
        LabError: nothing could be started.
    """
    names = selection.words(stacks) or [ALL]
    with _prepared(names, runtime_name, changed) as lab, backing(lab.runtime, lab.project.services, lab.logs):
        held = [_holds(lab, stack) for stack in lab.stacks]
        lab.say.step(f"{sum(held)} of {len(held)} stacks conform to the contract in the {lab.runtime.name} runtime.")
        kept = quick or _keep_idle(lab)
    return Exit.DONE if kept and all(held) else Exit.NOT_ALL_MEASURED


def up(stacks: str, runtime_name: str, changed: Mapping[str, int]) -> Exit:
    """Start stacks (comma-separated) with their services, leave them running and print their addresses, one a line.

    Args:
        changed: as in `verify`.

    Raises:
        LabError: one of them could not be started; then nothing is left running.
    """
    if not stacks:
        names = ", ".join(Project.here().stacks)
        raise LabError(f"No stack is named: set STACKS to one or more of {names}, or {ALL}.")
    with _prepared(selection.words(stacks), runtime_name, changed) as lab, _stopped_unless_done(lab.runtime):
        start_backing(lab.runtime, lab.project.services, lab.logs)
        unhealthy = start(lab.runtime, lab.arms, lab.logs, lab.project.cpus.server).unhealthy
        if unhealthy:
            raise LabError(
                "\n  ".join(line for label in unhealthy for line in (unhealthy[label], *lab.runtime.log_tail(label)))
            )
    for arm in lab.arms:
        print(f"http://127.0.0.1:{arm.port}")  # noqa: T201  # the answer, on standard output
    return Exit.DONE


def down() -> Exit:
    """Stop what the lab started in this checkout, in every runtime that this machine has."""
    project = Project.here()
    with store.only_one(STATE):
        for name in auto.available():
            with contextlib.closing(auto.runtime(project, name)) as runtime:
                runtime.stop_all()
    return Exit.DONE


@contextlib.contextmanager
def _prepared(names: list[str], runtime_name: str, changed: Mapping[str, int]) -> Iterator[Prepared]:
    """Prepare stacks and services while nothing of this checkout runs."""
    project = Project.here(changed).with_variants(names)
    selection.stacks(names, project.stacks)  # an unknown word is refused before an engine is asked
    with contextlib.closing(auto.runtime(project, runtime_name)) as runtime:
        chosen, left_out = selection.startable(names, project.stacks, runtime.lacks)
        selection.refuse_connections(chosen, project.services[DATABASE])
        with Reporter() as say, store.only_one(STATE), interruptible():
            logs = STATE / "logs"
            logs.mkdir(parents=True, exist_ok=True)
            runtime.stop_all()
            needed = sorted({DATABASE, UPSTREAM, *(stack.service for stack in chosen)})
            for name in (DATABASE, UPSTREAM, *(stack.name for stack in chosen)):
                (logs / f"{name}.log").unlink(missing_ok=True)  # an error of this start must not show an earlier one's
            say.step(f"Preparing {', '.join(needed)} ({runtime.name}) …")
            runtime.prepare(needed, [arm_of(stack.name, project.services) for stack in chosen])
            for sentence in (*quota.not_given(runtime.not_applied(needed)), *(f"Left out: {one}" for one in left_out)):
                say.step(sentence)
            yield Prepared(project, runtime, chosen, logs, say)


@contextlib.contextmanager
def _stopped_unless_done(runtime: Runtime) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with deferred():
            runtime.stop_all()
        raise


def _holds(lab: Prepared, stack: Stack) -> bool:
    from lab import contract  # late: h2, wsproto and pyroute2 take 0.4 s to import
    from lab.settings.reading import known

    services, arm = lab.project.services, arm_of(stack.name, lab.project.services)
    with serving(lab.runtime, [arm], lab.logs, lab.project.cpus.server) as started:
        if started.unhealthy:
            findings = [*started.unhealthy.values(), *lab.runtime.log_tail(stack.name)]
        else:
            findings = list(contract.grouped(contract.verify(f"http://127.0.0.1:{arm.port}", stack)))
            settings = known(services[stack.name], lab.runtime.target(arm.label), arm.port)
            findings += budget.unequal(stack, services[stack.name], settings) + labels.untrue(stack, settings)
    after = "".join(f" (healthy {after_s:.2f} s after its start alone)" for after_s in started.healthy_after_s.values())
    verdict = "does not conform to the contract" if findings else "conforms to the contract"
    if arm.label in started.blameless:
        verdict = "could not be started on a disturbed machine, so it was not compared with the contract"
    lab.say.step("\n  ".join([f"{stack.name}: {verdict}{after}", *started.again, *findings]))
    return not findings


def _keep_idle(lab: Prepared) -> bool:
    """Measure how long each stack keeps an idle connection; print it and return whether it equals the budget."""
    services = lab.project.services
    most_s = BEYOND_S + max(services[stack.name].budget.get("LAB_KEEP_ALIVE_S", 0) for stack in lab.stacks)
    lab.say.step(f"Watching an idle connection to each stack for at most {most_s} s …")
    with serving(lab.runtime, lab.arms, lab.logs, lab.project.cpus.server):
        kept = kept_s({arm.label: arm.port for arm in lab.arms}, most_s)
    findings = [finding for stack in lab.stacks for finding in _idle_findings(services[stack.name], stack, kept)]
    times = (f"{label} {'still open' if time_s is None else f'{time_s:.1f} s'}" for label, time_s in kept.items())
    lab.say.step("\n  ".join(["Idle connections were kept: " + ", ".join(times), *findings]))
    return not findings


def _idle_findings(service: Service, stack: Stack, kept: Mapping[str, float | None]) -> list[str]:
    if stack.name not in kept:
        return [f"{stack.name}: did not answer among the others"]
    measured = {"keep_alive_s": Setting(value=kept[stack.name], source="measured")}
    return budget.unequal(stack, service, measured)
