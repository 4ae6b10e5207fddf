"""Starts arms one after the other, and says of each how it stands and whether that is its own fault."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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


@dataclass(frozen=True)
class Started:
    """How arms stand after they were started; an arm is either unhealthy, or healthy after some time."""

    unhealthy: dict[str, str] = field(default_factory=dict)
    """Label -> why it cannot be measured."""
    healthy_after_s: dict[str, float] = field(default_factory=dict)
    """Label -> seconds from the order to start this arm to its first healthy answer."""
    start_cpu_s: dict[str, float] = field(default_factory=dict)
    """Label -> CPU seconds that it had used by then."""
    blameless: frozenset[str] = frozenset()
    """Labels of those among the unhealthy that are not at fault: they never ran, or the machine was disturbed."""
    again: tuple[str, ...] = ()
    """A sentence for each arm that was started a second time."""


@dataclass(frozen=True)
class _Attempt:
    """One start of one arm."""

    reason: str
    """Why it cannot be measured; empty where it is healthy."""
    after_s: float
    cpu_s: float | None
    """CPU seconds that it had used by then; None where they could not be read."""
    disturbance: str
    """What others did to the server's CPUs meanwhile."""

    @property
    def why(self) -> str:
        return f"{self.reason} Meanwhile {self.disturbance}." if self.disturbance else self.reason


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
    started = Started(unhealthy=refused, blameless=frozenset(refused))
    for arm in arms:
        if arm.label not in refused:
            started = _with(started, _alone(runtime, arm, logs, cpus, within_s))
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


def _alone(runtime: Runtime, arm: Arm, logs: Path, cpus: Collection[int], within_s: float) -> Started:
    """Start one arm, and once more with a longer limit where it failed on a disturbed machine."""
    again: tuple[str, ...] = ()
    try:
        attempt = _attempt(runtime, arm, cpus, within_s)
        if attempt.reason and attempt.disturbance:
            longer_s = within_s * _LONGER
            again = (f"{attempt.why} {arm.label} is started again, for at most {longer_s:g} s.",)
            runtime.stop([arm.label])
            runtime.create([arm], logs)
            attempt = _attempt(runtime, arm, cpus, longer_s)
    except LabError as error:
        return Started(unhealthy={arm.label: str(error)}, blameless=frozenset({arm.label}), again=again)
    if not attempt.reason:
        cpu_s = {} if attempt.cpu_s is None else {arm.label: attempt.cpu_s}
        return Started(healthy_after_s={arm.label: attempt.after_s}, start_cpu_s=cpu_s, again=again)
    if died(runtime, arm.label) is None:
        runtime.stop([arm.label])  # it would take CPU time from those that are measured
    blameless = frozenset({arm.label} if attempt.disturbance else ())
    return Started(unhealthy={arm.label: attempt.why}, blameless=blameless, again=again)


def _attempt(runtime: Runtime, arm: Arm, cpus: Collection[int], within_s: float) -> _Attempt:
    """Raises LabError where the arm could not be run at all."""
    span, use = Span(cpus), _Use(runtime, arm.label)
    runtime.run(arm.label)
    reason = readiness.wrong_after(arm, use.look, within_s)
    after_s = time.monotonic() - use.began_s
    gone = use.look()
    not_for_time = gone and after_s < _GIVES_UP_AFTER_S
    disturbance = "" if not reason or not_for_time else span.disturbance(use.most_s(len(cpus) if gone else 0))
    return _Attempt(reason or gone or "", after_s, use.cpu_s, disturbance)


class _Use:
    """The CPU time of an arm, as far as it was seen running."""

    def __init__(self, runtime: Runtime, label: str) -> None:
        self._runtime = runtime
        self._label = label
        self.began_s = self._seen_s = time.monotonic()
        self.cpu_s: float | None = None
        """None where it was never read."""

    def look(self) -> str | None:
        """Read it, or return why the arm is not running."""
        try:
            used_s = readings.cpu_s(self._runtime.target(self._label))
        except LabError as error:
            return str(error)
        if used_s is not None:
            self.cpu_s, self._seen_s = used_s, time.monotonic()
        return None

    def most_s(self, unseen_cpus: int) -> float:
        """Return what it can have used at most: all of its CPUs since it was last seen."""
        return (self.cpu_s or 0) + (time.monotonic() - self._seen_s) * unseen_cpus


def _with(one: Started, other: Started) -> Started:
    return Started(
        unhealthy=one.unhealthy | other.unhealthy,
        healthy_after_s=one.healthy_after_s | other.healthy_after_s,
        start_cpu_s=one.start_cpu_s | other.start_cpu_s,
        blameless=one.blameless | other.blameless,
        again=one.again + other.again,
    )
