"""Measures one trial: the driver loads, the watcher reads the counters at both edges of the window."""

import os
import time
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from pathlib import Path

from lab.analysis.validity.objections import is_answer
from lab.errors import LabError
from lab.host import noise, readings
from lab.host.machine import CpuPlan
from lab.host.processes import Accounts, has_ended
from lab.host.replaced import Turnover
from lab.load.client import Driver, DriverError
from lab.load.protocol import Failed, Order
from lab.model.outcome import Driven, Failure, Role, Sample, Usage
from lab.model.stack import Arm, Target
from lab.model.workload import Scenario, Trial
from lab.run.disturbance import Span
from lab.run.servers import DATABASE, UPSTREAM
from lab.runtime.interface import Runtime, died
from lab.runtime.postgres import Monitor

Share = Callable[[readings.CoreReading, readings.CoreReading], float | None]
"""What of a CPU's time between two readings went where."""
DATABASE_LOOKS = 3
"""How often the database is asked during a window how many of its connections are busy; it takes about 1 ms each time."""
LOOK_EVERY_S = 0.25
"""How often the server's processes are looked at during a window; it takes about 0.3 ms each time."""


class PartError(LabError):
    """Generator, database or upstream ended while it was watched: not the stack's fault."""


@dataclass
class Bench:
    """What every trial of a block needs: running servers, a driver, and who is to be watched."""

    runtime: Runtime
    driver: Driver
    cpus: CpuPlan
    scenarios: Mapping[str, Scenario]
    arms: Mapping[str, Arm]
    targets: Mapping[str, Target]
    """What to watch, by label: the healthy stacks of the block, and the services."""
    monitor: Monitor
    unhealthy: Mapping[str, str] = field(default_factory=dict)
    """Label -> why it cannot be measured."""
    blameless: Container[str] = ()
    """Labels of those among them that are not at fault: they never ran, or the machine was disturbed."""
    idle_memory_bytes: Mapping[str, int | None] = field(default_factory=dict)

    def measure(self, trial: Trial) -> Sample | Failure:
        """Runs one trial; whatever goes wrong becomes a Failure with the reason and the end of the server's log."""
        started_at = datetime.now(UTC)
        began_s = time.monotonic()
        for label in (trial.stack, DATABASE, UPSTREAM):
            if label in self.unhealthy:
                failure = self._failure(trial, started_at, self.unhealthy[label])
                return failure.model_copy(update={"lab_fault": failure.lab_fault or label in self.blameless})
        try:
            window, span = self._window(trial.stack), _Span(self.cpus, self.targets[trial.stack])
            driven = self.driver.run(self._order(trial), window.watch)
            if isinstance(driven, Failed):
                return self._unanswered(trial, started_at, driven, span)
            return self._sample(trial, started_at, began_s, driven, window)
        except (DriverError, PartError) as error:
            return self._failure(trial, started_at, str(error)).model_copy(update={"lab_fault": True})
        except LabError as error:
            return self._failure(trial, started_at, str(error))

    def _sample(self, trial: Trial, started_at: datetime, began_s: float, driven: Driven, window: "_Window") -> Sample:
        return Sample(
            trial=trial,
            started_at=started_at,
            driven=driven,
            usage=window.usage(driven.window_s),
            idle_cpu_s=window.idle_cpu_s(),
            server_cores_busy=window.busy_share(self.cpus.server),
            other_cores_busy=window.busy_share(self.cpus.others),
            stolen=window.most_stolen(),
            server_stolen=window.stolen_share(self.cpus.server),
            serving_replaced=window.replaced(),
            server_throttled_s=window.server_throttled_s(),
            lab_throttled_s=window.lab_throttled_s(),
            idle_memory_bytes=self.idle_memory_bytes.get(trial.stack),
            overhead_s=time.monotonic() - began_s - (driven.window_end_s - driven.began_s),
        )

    def _unanswered(self, trial: Trial, started_at: datetime, failed: Failed, span: "_Span") -> Failure:
        """The stack's, unless time can cause it and the machine was disturbed meanwhile."""
        failure = self._failure(trial, started_at, failed.reason)
        if failed.error is not None and is_answer(failed.error):
            return failure.model_copy(update={"off_contract": not failure.lab_fault})
        by_time = failed.error is not None and died(self.runtime, trial.stack) is None
        disturbance = span.disturbance() if by_time else ""
        if not disturbance:
            return failure
        return failure.model_copy(update={"reason": f"{failure.reason} Meanwhile {disturbance}.", "lab_fault": True})

    def _failure(self, trial: Trial, started_at: datetime, reason: str) -> Failure:
        """The stack's, unless a service that it depends on has died."""
        for service in (DATABASE, UPSTREAM):
            if gone := died(self.runtime, service):
                log = self.runtime.log_tail(service)
                return Failure(trial=trial, started_at=started_at, reason=gone, log_tail=log, lab_fault=True)
        gone = None if trial.stack in self.unhealthy else died(self.runtime, trial.stack)
        return Failure(
            trial=trial,
            started_at=started_at,
            reason=f"{reason} {gone}" if gone and gone not in reason else reason,
            log_tail=self.runtime.log_tail(trial.stack),
        )

    def _order(self, trial: Trial) -> Order:
        return Order(
            scenario=self.scenarios[trial.scenario],
            host="127.0.0.1",
            port=self.arms[trial.stack].port,
            load=trial.load,
            arrivals=trial.arrivals,
            warmup_s=trial.warmup_s,
            window_s=trial.window_s,
            timeout_s=trial.timeout_s,
            seed=trial.seed,
        )

    def _window(self, label: str) -> "_Window":
        roles: dict[Role, Target] = {
            "server": self.targets[label],
            "generator": Target(pid=self.driver.pid, contained=False),
            "database": self.targets[DATABASE],
            "upstream": self.targets[UPSTREAM],
        }
        idle = [self.targets[other] for other in self.arms if other != label and other not in self.unhealthy]
        return _Window(roles, idle, self.cpus, self.monitor)


class _Span:
    """What disturbs a server from now on."""

    def __init__(self, cpus: CpuPlan, server: Target) -> None:
        self._server, self._used = server, readings.cpu(server)
        self._span = Span(cpus.server)

    def disturbance(self) -> str:
        """Return what disturbed it; other programs count only where the server's own CPU time is known."""
        own_s = readings.used_s(self._used, readings.cpu(self._server))
        return self._span.disturbance(inf if own_s is None else own_s)


class _Window:
    """Readings at both edges of one window."""

    def __init__(self, targets: dict[Role, Target], idle: list[Target], cpus: CpuPlan, monitor: Monitor) -> None:
        self._monitor = monitor
        self._connections: list[int] = []
        self._targets = targets
        self._idle = [target for target in idle if not has_ended(target.pid)]
        self._turnover = Turnover(targets["server"])
        self._groups = _groups(targets, idle)
        self._all_cpus = sorted({*cpus.server, *cpus.others})
        self._edges: list[_Edge] = []
        self._memory: dict[Role, int | None] = {}

    def watch(self, start_s: float, end_s: float) -> None:
        """Called before the window: reads everything at `start_s` and at `end_s` (CLOCK_MONOTONIC)."""
        self._read_at(start_s)
        self._look_between(start_s, end_s)
        self._read_at(end_s)
        self._memory = {role: readings.memory_bytes(target) for role, target in self._targets.items()}

    def _read_at(self, at_s: float) -> None:
        _sleep_until(at_s)
        self._turnover.look()
        self._edges.append(_Edge.read(self._targets, self._idle, self._all_cpus, self._groups))

    def _look_between(self, start_s: float, end_s: float) -> None:
        """Look at processes, and now and then at the database: after the window nothing is sent, and it is idle at once."""
        parts = DATABASE_LOOKS + 1
        looks_in_part = max(1, round((end_s - start_s) / parts / LOOK_EVERY_S))
        for look in range(1, parts * looks_in_part):
            _sleep_until(start_s + (end_s - start_s) * look / (parts * looks_in_part))
            self._turnover.look()
            if look % looks_in_part == 0 and (busy := self._monitor.busy_connections()) is not None:
                self._connections.append(busy)

    def usage(self, window_s: float) -> dict[Role, Usage]:
        """What each role used, in the window."""
        before, after = self._edges
        between: dict[Role, list[Accounts]] = {"server": self._turnover.accounts}
        used = {
            role: readings.usage(
                before.roles[role], after.roles[role], window_s, self._memory[role], between.get(role, ())
            )
            for role in self._targets
        }
        used["database"] = used["database"].model_copy(update={"connections": max(self._connections, default=None)})
        return used

    def idle_cpu_s(self) -> float | None:
        """Return the CPU time of the servers that ran and were not loaded; None where that of one is not known."""
        used_s = list(map(readings.used_s, *(edge.idle for edge in self._edges)))
        known_s = [one_s for one_s in used_s if one_s is not None]
        return sum(known_s) if self._idle and len(known_s) == len(used_s) else None

    def replaced(self) -> int | None:
        """Return how many of the server's processes were replaced, at least; None where this is not known."""
        return self._turnover.replaced()

    def server_throttled_s(self) -> float | None:
        """Return how long a CPU quota of the server's own kept it from running; None where it has no group of its own."""
        return _grown(*(edge.server_throttled_s for edge in self._edges))

    def lab_throttled_s(self) -> float | None:
        """Return how long a CPU quota kept the lab from running; None where this is not known."""
        return _grown(*(edge.lab_throttled_s for edge in self._edges))

    def busy_share(self, cpus: tuple[int, ...]) -> float | None:
        """Mean share (0 to 1) of these CPUs that was busy."""
        return _mean(self._shares(readings.busy_share, cpus))

    def stolen_share(self, cpus: tuple[int, ...]) -> float | None:
        """Mean share (0 to 1) of these CPUs that the hypervisor took."""
        return _mean(self._shares(readings.stolen_share, cpus))

    def most_stolen(self) -> float | None:
        """The largest share (0 to 1) of a CPU that the hypervisor took."""
        return max(self._shares(readings.stolen_share, self._all_cpus), default=None)

    def _shares(self, share: Share, cpus: Iterable[int]) -> list[float]:
        before, after = self._edges
        found = (share(before.cores[cpu], after.cores[cpu]) for cpu in cpus)
        return [one for one in found if one is not None]


def _mean(shares: list[float]) -> float | None:
    return sum(shares) / len(shares) if shares else None


def _grown(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None or after < before else after - before


def _groups(targets: Mapping[Role, Target], idle: Iterable[Target]) -> list[Path]:
    """Return the control groups that hold the server and nothing else of the run."""
    others = [target.pid for role, target in targets.items() if role != "server"]
    return noise.own_groups(targets["server"].pid, [os.getpid(), *others, *(target.pid for target in idle)])


def _sleep_until(at_s: float) -> None:
    time.sleep(max(0.0, at_s - time.monotonic()))


def _reading(role: Role, target: Target) -> readings.Reading:
    try:
        return readings.read(target)
    except LabError as error:
        if role == "server":
            raise
        raise PartError(f"The {role} broke down: {error}") from None


@dataclass(frozen=True)
class _Edge:
    """All readings at one edge of the window."""

    roles: dict[Role, readings.Reading]
    idle: list[Accounts | None]
    """Of each server that is not loaded."""
    cores: dict[int, readings.CoreReading]
    server_throttled_s: float | None
    lab_throttled_s: float | None

    @classmethod
    def read(cls, targets: Mapping[Role, Target], idle: list[Target], cpus: list[int], groups: list[Path]) -> "_Edge":
        return cls(
            roles={role: _reading(role, target) for role, target in targets.items()},
            idle=[readings.cpu(target) for target in idle],
            cores=readings.cores(cpus),
            server_throttled_s=noise.throttled_in(groups),
            lab_throttled_s=noise.throttled_s(),
        )
