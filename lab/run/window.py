"""Read the counters of all roles at both edges of a trial's window, and look at the server in between."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from lab.errors import LabError
from lab.host import noise, readings
from lab.host.machine import CpuPlan
from lab.host.processes import Accounts, has_ended
from lab.host.replaced import Turnover
from lab.host.workers import Workers
from lab.model.outcome import Role, Usage
from lab.model.stack import Target
from lab.run.disturbance import Span
from lab.runtime.postgres import Monitor

Share = Callable[[readings.CoreReading, readings.CoreReading], float | None]
"""What of a CPU's time between two readings went where."""
DATABASE_LOOKS = 3
"""How often the database is asked during a window how many of its connections are busy; it takes about 1 ms each time."""
LOOK_EVERY_S = 0.25
"""How often the server's processes are looked at during a window; it takes about 0.3 ms each time."""

AHEAD_S = 0.05
"""How long before the window the reading of what is not of the server begins."""


class PartError(LabError):
    """Generator, database or upstream ended while it was watched: not the stack's fault."""


class Window:
    """The window of one trial; made before the load begins."""

    def __init__(
        self,
        targets: Mapping[Role, Target],
        idle: Mapping[str, Target],
        cpus: CpuPlan,
        monitor: Monitor,
        shared_port: int | None = None,
    ) -> None:
        """Prepare the readings.

        Args:
            idle: servers that run and are not loaded, by arm.
            shared_port: of a server of several workers, which are then told apart.
        """
        self._targets, self._cpus, self._monitor = targets, cpus, monitor
        self._span, self._used_before = Span(cpus.server), readings.cpu(targets["server"])
        self._idle = {arm: target for arm, target in idle.items() if not has_ended(target.pid)}
        self._turnover = Turnover(targets["server"])
        others = [target.pid for role, target in targets.items() if role != "server"]
        self._groups = noise.own_groups(
            targets["server"].pid, [os.getpid(), *others, *(target.pid for target in self._idle.values())]
        )
        self._workers = None if shared_port is None else Workers(targets["server"], shared_port)
        self._servers: list[_Server] = []
        self._others: list[_Others] = []
        self._connections: list[int] = []
        self._memory: dict[Role, int | None] = {}

    def watch(self, start_s: float, end_s: float) -> None:
        """Read everything at `start_s` and at `end_s` (CLOCK_MONOTONIC); called before the window begins.

        What is not of the server is read ahead of the start: it takes some 30 ms of the generator's CPU, and the requests that
        were due meanwhile would be sent up to 6 ms late, which is the p99 of a window.
        """
        _sleep_until(start_s - AHEAD_S)
        self._others.append(self._read_others())
        if self._workers:
            self._workers.read_connections()
        self._read_server(start_s)
        self._look_between(start_s, end_s)
        self._read_server(end_s)
        self._others.append(self._read_others())
        self._memory = {role: readings.memory_bytes(target) for role, target in self._targets.items()}
        if self._workers:
            self._workers.read_memory()

    def disturbance(self) -> str:
        """Return what disturbed the server since the window was made, empty where nothing did.

        Other programs count only where the server's own CPU time is known.
        """
        own_s = readings.used_s(self._used_before, readings.cpu(self._targets["server"]))
        return self._span.disturbance(inf if own_s is None else own_s)

    def seen(self, window_s: float, by_port: Mapping[int, int]) -> dict[str, Any]:
        """Return the fields of a Sample that were read of a window that has been watched.

        Args:
            by_port: port of the generator -> correct responses; empty where workers are not told apart.
        """
        usage = self._usage(window_s)
        if self._workers and by_port:
            workers = self._workers.seen(window_s, by_port)
            usage["server"] = usage["server"].model_copy(update={"workers": workers})
        return {
            "usage": usage,
            **self._seen_idle(),
            "server_cores_busy": self._mean(readings.busy_share, self._cpus.server),
            "other_cores_busy": self._mean(readings.busy_share, self._cpus.others),
            "stolen": max(self._shares(readings.stolen_share, (*self._cpus.server, *self._cpus.others)), default=None),
            "server_stolen": self._mean(readings.stolen_share, self._cpus.server),
            "serving_replaced": self._turnover.replaced(),
            "server_throttled_s": grown(*(others.server_throttled_s for others in self._others)),
            "lab_throttled_s": grown(*(others.lab_throttled_s for others in self._others)),
        }

    def _read_server(self, at_s: float) -> None:
        _sleep_until(at_s)
        self._turnover.look()
        server = _reading("server", self._targets["server"])
        self._servers.append(_Server(server, readings.cores({*self._cpus.server, *self._cpus.others})))
        if self._workers:
            self._workers.read()

    def _read_others(self) -> "_Others":
        return _Others(
            roles={role: _reading(role, target) for role, target in self._targets.items() if role != "server"},
            idle={arm: readings.cpu(target) for arm, target in self._idle.items()},
            server_throttled_s=noise.throttled_in(self._groups),
            lab_throttled_s=noise.throttled_s(),
        )

    def _look_between(self, start_s: float, end_s: float) -> None:
        """Look at processes, and now and then at the database: after the window nothing is sent, and it is idle at once."""
        parts = DATABASE_LOOKS + 1
        looks_in_part = max(1, round((end_s - start_s) / parts / LOOK_EVERY_S))
        for look in range(1, parts * looks_in_part):
            _sleep_until(start_s + (end_s - start_s) * look / (parts * looks_in_part))
            self._turnover.look()
            if look % looks_in_part == 0 and (busy := self._monitor.busy_connections()) is not None:
                self._connections.append(busy)

    def _usage(self, window_s: float) -> dict[Role, Usage]:
        before, after = (
            {"server": server.reading, **others.roles}
            for server, others in zip(self._servers, self._others, strict=True)
        )
        between: dict[Role, list[Accounts]] = {"server": self._turnover.accounts}
        used = {
            role: readings.usage(before[role], after[role], window_s, self._memory[role], between.get(role, ()))
            for role in self._targets
        }
        used["database"] = used["database"].model_copy(update={"connections": max(self._connections, default=None)})
        return used

    def _seen_idle(self) -> dict[str, Any]:
        """Return the CPU time of the servers that ran and were not loaded, where that of all is known, and which took most."""
        before, after = (others.idle for others in self._others)
        used_s = {arm: readings.used_s(before[arm], after[arm]) for arm in self._idle}
        known_s = {arm: one_s for arm, one_s in used_s.items() if one_s is not None}
        if not known_s or len(known_s) < len(used_s):
            return {}
        return {"idle_cpu_s": sum(known_s.values()), "least_idle": max(known_s, key=lambda arm: known_s[arm])}

    def _shares(self, share: Share, cpus: Iterable[int]) -> list[float]:
        before, after = self._servers
        found = (share(before.cores[cpu], after.cores[cpu]) for cpu in cpus)
        return [one for one in found if one is not None]

    def _mean(self, share: Share, cpus: Iterable[int]) -> float | None:
        shares = self._shares(share, cpus)
        return sum(shares) / len(shares) if shares else None


@dataclass(frozen=True)
class _Server:
    """What is read exactly at an edge of the window."""

    reading: readings.Reading
    cores: dict[int, readings.CoreReading]


@dataclass(frozen=True)
class _Others:
    """What is read before the start and after the end."""

    roles: dict[Role, readings.Reading]
    """Without the server."""
    idle: dict[str, Accounts | None]
    """Of each server that is not loaded."""
    server_throttled_s: float | None
    """By a quota on a control group that holds the server and nothing else of the run."""
    lab_throttled_s: float | None


def grown(before: float | None, after: float | None) -> float | None:
    """Return by how much a running total grew; None where it is not known, or went backwards."""
    return None if before is None or after is None or after < before else after - before


def _sleep_until(at_s: float) -> None:
    """Wait for a moment that the driver has named: the edge of a window is a time, and nothing could be asked for it."""
    time.sleep(max(0.0, at_s - time.monotonic()))


def _reading(role: Role, target: Target) -> readings.Reading:
    try:
        return readings.read(target)
    except LabError as error:
        if role == "server":
            raise
        raise PartError(f"The {role} broke down: {error}") from None
