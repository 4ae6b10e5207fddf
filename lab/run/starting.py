"""Start arms one after the other; say of each how it stands and whether that is its own fault."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from lab.errors import LabError
from lab.host import readings
from lab.model.stack import Arm
from lab.run.disturbance import Span
from lab.runtime import readiness
from lab.runtime.interface import Runtime, died

READY_WITHIN_S = 20
_LONGER = 3
"""A start that failed on a disturbed machine gets so many times the time."""
_GIVES_UP_AFTER_S = 4
"""No server ends for lack of CPU time sooner: Uvicorn's supervisor waits 5 s for a worker's heartbeat, Gunicorn's 30 s."""
_IDLE_SHARE = 0.2
"""A server that uses less of a CPU has started all its workers: importing an application takes a whole one."""
_LOOK_EVERY_S = 0.1
_ALL_WITHIN_S = 5


@dataclass
class Started:
    """How arms stand after they were started; an arm is either unhealthy, or healthy after some time."""

    unhealthy: dict[str, str] = field(default_factory=dict)
    """Label -> why it cannot be measured."""
    healthy_after_s: dict[str, float] = field(default_factory=dict)
    """Label -> seconds from the order to start this arm to its first healthy answer."""
    start_cpu_s: dict[str, float] = field(default_factory=dict)
    """Label -> CPU seconds that it had used by then."""
    blameless: set[str] = field(default_factory=set)
    """Labels of those among the unhealthy that are not at fault: they never ran, or the machine was disturbed."""
    again: list[str] = field(default_factory=list)
    """A sentence for each arm that was started a second time."""


class _Attempt(NamedTuple):
    """One start of one arm."""

    reason: str
    """Why it cannot be measured, and what others did to the server's CPUs meanwhile; empty where it is healthy."""
    is_disturbed: bool
    after_s: float
    cpu_s: float | None
    """CPU seconds that it had used by then; None where they could not be read."""


def start(
    runtime: Runtime, arms: Sequence[Arm], logs: Path, cpus: Collection[int], within_s: float = READY_WITHIN_S
) -> Started:
    """Start arms one after the other, each when the one before it is healthy or given up.

    A port that is taken, an engine that refuses and a server that dies or never gets healthy are reasons, not errors:
    the others can still be measured. At fault itself is only a server that ran and failed on an undisturbed machine.

    Args:
        cpus: where the arms run, to see whether others disturb a start there.
    """
    refused = {arm.label: f"Port {arm.port} is taken by {who}." for arm in arms if (who := readiness.taken(arm.port))}
    refused |= _created(runtime, [arm for arm in arms if arm.label not in refused], logs)
    started = Started(unhealthy=dict(refused), blameless=set(refused))
    for arm in arms:
        if arm.label not in refused:
            _start_alone(started, runtime, arm, logs, cpus, within_s)
    return started


def _created(runtime: Runtime, arms: Sequence[Arm], logs: Path) -> dict[str, str]:
    """Create all at once or, where that is refused, one by one, so that one takes no other down; say who was refused."""
    try:
        runtime.create(arms, logs)
    except LabError:
        runtime.stop([arm.label for arm in arms])
    else:
        return {}
    refused: dict[str, str] = {}
    for arm in arms:
        try:
            runtime.create([arm], logs)
        except LabError as error:
            refused[arm.label] = str(error)
    return refused


def _start_alone(
    started: Started, runtime: Runtime, arm: Arm, logs: Path, cpus: Collection[int], within_s: float
) -> None:
    """Start one arm, and once more with a longer limit where it failed on a disturbed machine."""
    label = arm.label
    try:
        attempt = _attempt(runtime, arm, cpus, within_s)
        if attempt.is_disturbed:
            longer_s = within_s * _LONGER
            started.again.append(f"{attempt.reason} {label} is started again, for at most {longer_s:g} s.")
            runtime.stop([label])
            runtime.create([arm], logs)
            attempt = _attempt(runtime, arm, cpus, longer_s)
    except LabError as error:
        started.unhealthy[label] = str(error)
        started.blameless.add(label)
        return
    if not attempt.reason:
        started.healthy_after_s[label] = attempt.after_s
        started.start_cpu_s |= {} if attempt.cpu_s is None else {label: attempt.cpu_s}
        if arm.workers > 1:
            _await_all_workers(_Use(runtime, label))
        return
    if died(runtime, label) is None:
        runtime.stop([label])  # it would take CPU time from those that are measured
    started.unhealthy[label] = attempt.reason
    started.blameless |= {label} if attempt.is_disturbed else set()


def _attempt(runtime: Runtime, arm: Arm, cpus: Collection[int], within_s: float) -> _Attempt:
    """Raise LabError where the arm could not be run at all."""
    span, use = Span(cpus), _Use(runtime, arm.label)
    runtime.run(arm.label)
    reason = readiness.wrong_after(arm, use.look, within_s)
    after_s = time.monotonic() - use.began_s
    gone = use.look()
    not_for_time = gone and after_s < _GIVES_UP_AFTER_S
    disturbance = "" if not reason or not_for_time else span.disturbance(use.most_s(len(cpus) if gone else 0))
    told = f"{reason} Meanwhile {disturbance}." if disturbance else reason or gone or ""
    return _Attempt(told, bool(disturbance), after_s, use.cpu_s)


def _await_all_workers(use: "_Use") -> None:
    """Wait until a server is idle: its first worker answers while others start, and would get all connections of a load."""
    use.look()
    until_s = use.began_s + _ALL_WITHIN_S
    while use.cpu_s is not None and time.monotonic() < until_s:
        used_s, seen_s = use.cpu_s, use.seen_s
        time.sleep(_LOOK_EVERY_S)  # a share of a CPU is the difference of two readings
        if use.look() or use.cpu_s - used_s < _IDLE_SHARE * (use.seen_s - seen_s):
            return


class _Use:
    """The CPU time of an arm, as far as it was seen running."""

    def __init__(self, runtime: Runtime, label: str) -> None:
        self._runtime = runtime
        self._label = label
        self.began_s = self.seen_s = time.monotonic()
        self.cpu_s: float | None = None
        """None where it was never read."""

    def look(self) -> str | None:
        """Read it, or return why the arm is not running."""
        try:
            used_s = readings.cpu_s(self._runtime.target(self._label))
        except LabError as error:
            return str(error)
        if used_s is not None:
            self.cpu_s, self.seen_s = used_s, time.monotonic()
        return None

    def most_s(self, unseen_cpus: int) -> float:
        """Return what it can have used at most: all of its CPUs since it was last seen."""
        return (self.cpu_s or 0) + (time.monotonic() - self.seen_s) * unseen_cpus
