"""Measures one trial: the driver loads the server, and the window's counters are read meanwhile."""

import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lab.analysis.validity.objections import is_answer
from lab.errors import LabError
from lab.host.machine import CpuPlan
from lab.load.client import Driver, DriverError
from lab.load.protocol import Failed, Order
from lab.model.outcome import Driven, Failure, Role, Sample
from lab.model.stack import Arm, Target
from lab.model.workload import Scenario, Trial
from lab.run.servers import DATABASE, UPSTREAM
from lab.run.window import PartError, Window
from lab.runtime.interface import Runtime, died
from lab.runtime.postgres import Monitor


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
    window: Callable[..., Window] = Window
    clock_s: Callable[[], float] = time.monotonic

    def measure(self, trial: Trial) -> Sample | Failure:
        """Run one trial; whatever goes wrong becomes a Failure with the reason and the end of the server's log."""
        started_at = datetime.now(UTC)
        began_s = self.clock_s()
        for label in (trial.stack, DATABASE, UPSTREAM):
            if label in self.unhealthy:
                failure = self._failure(trial, started_at, self.unhealthy[label])
                return failure.model_copy(update={"lab_fault": failure.lab_fault or label in self.blameless})
        try:
            window = self._window(trial.stack)
            driven = self.driver.run(self._order(trial), window.watch)
            if isinstance(driven, Failed):
                return self._unanswered(trial, started_at, driven, window)
            return self._sample(trial, started_at, began_s, driven, window)
        except (DriverError, PartError) as error:
            return self._failure(trial, started_at, str(error)).model_copy(update={"lab_fault": True})
        except LabError as error:
            return self._failure(trial, started_at, str(error))

    def _sample(self, trial: Trial, started_at: datetime, began_s: float, driven: Driven, window: Window) -> Sample:
        return Sample(
            trial=trial,
            started_at=started_at,
            driven=driven,
            idle_memory_bytes=self.idle_memory_bytes.get(trial.stack),
            overhead_s=self.clock_s() - began_s - (driven.window_end_s - driven.began_s),
            **window.seen(driven.window_s),
        )

    def _unanswered(self, trial: Trial, started_at: datetime, failed: Failed, window: Window) -> Failure:
        """The stack's, unless time can cause it and the machine was disturbed meanwhile."""
        failure = self._failure(trial, started_at, failed.reason)
        if failed.error is not None and is_answer(failed.error):
            return failure.model_copy(update={"off_contract": not failure.lab_fault})
        by_time = failed.error is not None and died(self.runtime, trial.stack) is None
        disturbance = window.disturbance() if by_time else ""
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

    def _window(self, label: str) -> Window:
        roles: dict[Role, Target] = {
            "server": self.targets[label],
            "generator": Target(pid=self.driver.pid, contained=False),
            "database": self.targets[DATABASE],
            "upstream": self.targets[UPSTREAM],
        }
        idle = [self.targets[other] for other in self.arms if other != label and other not in self.unhealthy]
        return self.window(roles, idle, self.cpus, self.monitor)
