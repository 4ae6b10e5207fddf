"""Measure one trial: the driver loads the server, and the window's counters are read meanwhile."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lab.analysis.validity.objections import is_answer
from lab.errors import LabError
from lab.load.client import Driver, DriverError
from lab.load.protocol import Failed, Order
from lab.model.outcome import Failure, Role, Sample
from lab.model.stack import AA, Target
from lab.model.workload import Trial
from lab.run.context import Context
from lab.run.servers import DATABASE, UPSTREAM
from lab.run.window import PartError, Window
from lab.runtime.interface import died
from lab.runtime.postgres import Monitor


@dataclass
class Bench:
    """What every trial of a block needs: running servers, a driver, and who is to be watched."""

    context: Context
    driver: Driver
    targets: Mapping[str, Target]
    """What to watch, by label: the healthy stacks of the block, and the services."""
    monitor: Monitor
    unhealthy: Mapping[str, str] = field(default_factory=dict)
    """Label -> why it cannot be measured."""
    blameless: Container[str] = ()
    """Labels of those among them that are not at fault: they never ran, or the machine was disturbed."""
    idle_memory_bytes: Mapping[str, int | None] = field(default_factory=dict)

    def measure(self, trial: Trial, rate: float | None = None) -> Sample | Failure:
        """Run one trial; whatever goes wrong becomes a Failure with the reason and the end of the server's log.

        Args:
            rate: requests per second of an open load; None: as many as the load says.
        """
        started_at = datetime.now(UTC)
        began_s = self.context.world.clock_s()
        for label in (trial.stack, DATABASE, UPSTREAM):
            if label in self.unhealthy:
                return self._failure(trial, started_at, self.unhealthy[label], lab_fault=label in self.blameless)
        try:
            window, order = self._window(trial), self._order(trial, rate)
            driven = self.driver.run(order, window.watch)
            if isinstance(driven, Failed):
                return self._unanswered(trial, started_at, driven, window)
            overhead_s = self.context.world.clock_s() - began_s - (driven.window_end_s - driven.began_s)
            return Sample(
                trial=trial,
                started_at=started_at,
                driven=driven,
                offered_rps=order.offered_rps,
                idle_memory_bytes=self.idle_memory_bytes.get(trial.stack),
                overhead_s=overhead_s,
                **window.seen(driven.window_s, driven.by_port),
            )
        except (DriverError, PartError) as error:
            return self._failure(trial, started_at, str(error), lab_fault=True)
        except LabError as error:
            return self._failure(trial, started_at, str(error))

    def _unanswered(self, trial: Trial, started_at: datetime, failed: Failed, window: Window) -> Failure:
        """Return the stack's failure, or the lab's where time can cause it and the machine was disturbed meanwhile."""
        failure = self._failure(trial, started_at, failed.reason)
        if failed.error is not None and is_answer(failed.error):
            return failure.model_copy(update={"off_contract": not failure.lab_fault})
        by_time = failed.error is not None and died(self.context.runtime, trial.stack) is None
        disturbance = window.disturbance() if by_time else ""
        if not disturbance:
            return failure
        return failure.model_copy(update={"reason": f"{failure.reason} Meanwhile {disturbance}.", "lab_fault": True})

    def _failure(self, trial: Trial, started_at: datetime, reason: str, *, lab_fault: bool = False) -> Failure:
        """Return the stack's failure, or the lab's where a service that it depends on has died."""
        runtime = self.context.runtime
        for service in (DATABASE, UPSTREAM):
            if gone := died(runtime, service):
                return Failure(
                    trial=trial, started_at=started_at, reason=gone, log_tail=runtime.log_tail(service), lab_fault=True
                )
        gone = None if trial.stack in self.unhealthy else died(runtime, trial.stack)
        if gone and gone not in reason:
            reason = f"{reason} {gone}"
        log = runtime.log_tail(trial.stack)
        return Failure(trial=trial, started_at=started_at, reason=reason, log_tail=log, lab_fault=lab_fault)

    def _order(self, trial: Trial, rate: float | None) -> Order:
        return Order(
            scenario=self.context.scenarios[trial.scenario],
            port=self.context.arms[trial.stack].port,
            load=trial.load,
            rate=rate,
            warmup_s=trial.warmup_s,
            window_s=trial.window_s,
            timeout_s=trial.timeout_s,
            seed=trial.seed,
            by_port=self._tells_workers(trial),
        )

    def _tells_workers(self, trial: Trial) -> bool:
        """Return whether each connection of the load stays with one of several workers."""
        stack, load = self.context.stacks[trial.stack.removesuffix(AA)], trial.load
        return stack.workers > 1 and not stack.keeps_none and load.kind == "closed" and not load.new_connections

    def _window(self, trial: Trial) -> Window:
        label = trial.stack
        roles: dict[Role, Target] = {
            "server": self.targets[label],
            "generator": Target(pid=self.driver.pid, contained=False),
            "database": self.targets[DATABASE],
            "upstream": self.targets[UPSTREAM],
        }
        idle = {other: self.targets[other] for other in self.targets if other not in (label, DATABASE, UPSTREAM)}
        shared_port = self.context.arms[label].port if self._tells_workers(trial) else None
        return self.context.world.window(roles, idle, self.context.cpus, self.monitor, shared_port)
