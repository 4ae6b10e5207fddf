"""`verify`, `up` and `down`: run servers outside of a run."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from lab.config import selection
from lab.config.project import Project
from lab.config.scenarios import ALL
from lab.errors import Exit, LabError
from lab.model.stack import Setting, Stack
from lab.paths import STATE
from lab.run import store
from lab.run.progress import Reporter
from lab.run.servers import DATABASE, UPSTREAM, arm_of, backing, serving, start_backing
from lab.run.starting import start
from lab.runtime import auto, quota
from lab.runtime.interface import Runtime
from lab.settings import budget
from lab.settings.idle import kept_s
from lab.signals import deferred, interruptible

BEYOND_S = 5
"""Seconds beyond the budget for which an idle connection is watched."""


def verify(stacks: str, runtime_name: str, *, quick: bool = False) -> Exit:
    """Compare stacks (comma-separated; empty means all) with the HTTP contract and the equal budget, one after the other.

    At the end all run at once, and the lab measures how long each keeps an idle connection. That takes more than a minute;
    `quick` leaves it out.

    Raises:
        LabError: nothing could be started.
    """
    project = Project.here()
    names = selection.words(stacks) or [ALL]
    selection.stacks(names, project.stacks)  # an unknown word is refused before an engine is asked
    with contextlib.closing(auto.runtime(project, runtime_name)) as runtime:
        return _verify(project, runtime, names, quick=quick)


def _verify(project: Project, runtime: Runtime, names: list[str], *, quick: bool) -> Exit:
    chosen, left_out = selection.startable(names, project.stacks, runtime.lacks)
    with Reporter() as say, _running(project, runtime, chosen, say) as logs:
        for reason in left_out:
            say.step(f"Left out: {reason}")
        held = [_holds(project, runtime, stack, logs, say) for stack in chosen]
        say.step(f"{sum(held)} of {len(held)} stacks conform to the contract in the {runtime.name} runtime.")
        kept = quick or _keep_idle(project, runtime, chosen, logs, say)
    return Exit.DONE if kept and all(held) else Exit.NOT_ALL_MEASURED


def up(stacks: str, runtime_name: str) -> Exit:
    """Start stacks (comma-separated) with their services, leave them running and print their addresses, one a line.

    Raises:
        LabError: one of them could not be started; then nothing is left running.
    """
    project = Project.here()
    if not stacks:
        raise LabError(f"No stack is named: set STACKS to one or more of {', '.join(project.stacks)}, or {ALL}.")
    selection.stacks(selection.words(stacks), project.stacks)  # an unknown word is refused before an engine is asked
    with contextlib.closing(auto.runtime(project, runtime_name)) as runtime:
        return _up(project, runtime, selection.words(stacks))


def _up(project: Project, runtime: Runtime, names: list[str]) -> Exit:
    chosen, left_out = selection.startable(names, project.stacks, runtime.lacks)
    arms = [arm_of(stack.name, project.services) for stack in chosen]
    with Reporter() as say, _prepared(runtime, chosen, say) as logs, _stopped_unless_done(runtime):
        for reason in left_out:
            say.step(f"Left out: {reason}")
        start_backing(runtime, project.services, logs)
        unhealthy = start(runtime, arms, logs, project.cpus.server).unhealthy
        if unhealthy:
            raise LabError(
                "\n  ".join(line for label in unhealthy for line in (unhealthy[label], *runtime.log_tail(label)))
            )
    for arm in arms:
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
def _running(project: Project, runtime: Runtime, chosen: list[Stack], say: Reporter) -> Iterator[Path]:
    """Prepare everything and run the backing services; yield a folder for logs."""
    with _prepared(runtime, chosen, say) as logs, backing(runtime, project.services, logs):
        yield logs


@contextlib.contextmanager
def _prepared(runtime: Runtime, chosen: list[Stack], say: Reporter) -> Iterator[Path]:
    """Prepare everything while nothing of this checkout runs; yield a folder for logs."""
    logs = STATE / "logs"
    with store.only_one(STATE), interruptible():
        logs.mkdir(parents=True, exist_ok=True)
        runtime.stop_all()
        needed = sorted({DATABASE, UPSTREAM, *(stack.name for stack in chosen)})
        for name in needed:  # an error of this start must not show what an earlier command wrote
            (logs / f"{name}.log").unlink(missing_ok=True)
        say.step(f"Preparing {', '.join(needed)} ({runtime.name}) …")
        runtime.prepare(needed)
        for sentence in quota.not_given(runtime.not_applied(needed)):
            say.step(sentence)
        yield logs


@contextlib.contextmanager
def _stopped_unless_done(runtime: Runtime) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with deferred():
            runtime.stop_all()
        raise


def _holds(project: Project, runtime: Runtime, stack: Stack, logs: Path, say: Reporter) -> bool:
    from lab import contract  # late: h2, wsproto and pyroute2 take 0.4 s to import
    from lab.settings.reading import known

    arm = arm_of(stack.name, project.services)
    with serving(runtime, [arm], logs, project.cpus.server) as started:
        if started.unhealthy:
            findings = [*started.unhealthy.values(), *runtime.log_tail(stack.name)]
        else:
            findings = list(contract.grouped(contract.verify(f"http://127.0.0.1:{arm.port}", stack)))
            service = project.services[stack.name]
            findings += budget.unequal(stack, service, known(service, runtime.target(arm.label), arm.port))
    after = "".join(f" (healthy {after_s:.2f} s after its start alone)" for after_s in started.healthy_after_s.values())
    verdict = "does not conform to the contract" if findings else "conforms to the contract"
    if arm.label in started.blameless:
        verdict = "could not be started on a disturbed machine, so it was not compared with the contract"
    say.step("\n  ".join([f"{stack.name}: {verdict}{after}", *started.again, *findings]))
    return not findings


def _keep_idle(project: Project, runtime: Runtime, chosen: list[Stack], logs: Path, say: Reporter) -> bool:
    """Measure how long each stack keeps an idle connection; print it and return whether it equals the budget."""
    most_s = BEYOND_S + max(project.services[stack.name].budget.get("LAB_KEEP_ALIVE_S", 0) for stack in chosen)
    say.step(f"Watching an idle connection to each stack for at most {most_s} s …")
    arms = [arm_of(stack.name, project.services) for stack in chosen]
    with serving(runtime, arms, logs, project.cpus.server):
        kept = kept_s({arm.label: arm.port for arm in arms}, most_s)
    findings = [finding for stack in chosen for finding in _idle_findings(project, stack, kept)]
    times = (f"{label} {'still open' if time_s is None else f'{time_s:.1f} s'}" for label, time_s in kept.items())
    say.step("\n  ".join(["Idle connections were kept: " + ", ".join(times), *findings]))
    return not findings


def _idle_findings(project: Project, stack: Stack, kept: Mapping[str, float | None]) -> list[str]:
    if stack.name not in kept:
        return [f"{stack.name}: did not answer among the others"]
    measured = {"keep_alive_s": Setting(value=kept[stack.name], source="measured")}
    return budget.unequal(stack, project.services[stack.name], measured)
