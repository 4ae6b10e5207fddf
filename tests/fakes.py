"""A world in which whole sessions run in milliseconds: a runtime, a driver and readings that do what a script says.

Each step appends a word to `steps`; `at` maps a word to what happens at that step: an exception to raise, or a call.
"""

import signal
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.contract import Finding
from lab.errors import LabError
from lab.host.noise import Moment
from lab.load.client import Driver
from lab.load.protocol import Failed, Order
from lab.model.outcome import Driven, Outcome
from lab.model.stack import Arm, Service, Setting, Stack, Target
from lab.run.context import World
from lab.run.progress import Reporter
from lab.run.rounds import Rate, calibrated
from lab.run.servers import DATABASE, UPSTREAM
from lab.run.starting import Started
from lab.run.window import Window
from lab.runtime.interface import Runtime
from lab.runtime.postgres import Monitor
from tests.synthetic import sample

PORTS = {"a": 1, "b": 2, DATABASE: 3, UPSTREAM: 4}
SERVICES = {
    name: Service(name=name, command=("serve",), labels={"lab.port": str(port)}) for name, port in PORTS.items()
}
INVALID = {"stolen": 0.6}
"""Changes of a sample that make it invalid: the hypervisor took the CPU."""


def ctrl_c() -> None:
    """Send a real signal, which waits where a session lets signals wait."""
    signal.raise_signal(signal.SIGINT)


class FakeWorld:
    """Everything that a session measures with; `trials`: `block-00-again-1 a json` -> changes of its sample, or Failed.

    Behind it may stand the load, for this one only.
    """

    def __init__(
        self,
        at: Mapping[str, BaseException | Callable[[], object]] | None = None,
        trials: Mapping[str, Mapping[str, Any] | Failed] | None = None,
        noisy: Collection[str] = (),
        started: Mapping[str, Started] | None = None,
        findings: Iterable[list[Finding]] = (),
    ) -> None:
        self.at, self.trials, self.noisy, self.started = at or {}, trials or {}, noisy, started or {}
        self.findings, self.settings = iter(findings), dict[str, Setting]()
        self.steps: list[str] = []
        self.orders: list[Order] = []
        """What the driver was asked to do."""
        self.dead: set[str] = set()
        """Labels of what no longer runs."""
        self.disturbance, self.now_s, self.trial_s, self.rounds_per_ms = "", 0.0, 1.0, 1000
        self.place, self.arms, self.sample = "", dict[int, str](), sample()
        self.runtime = FakeRuntime(self)

    @property
    def world(self) -> World:
        return World(
            clock_s=lambda: self.now_s,
            surroundings=lambda _: {"machine": {"cpus": 2}, "git": None, "sha256": {}},
            look=self.look,
            backing=self.backing,
            restore_backing=self.restore_backing,
            serving=self.serving,
            verify=self.verify,
            settings=lambda *_: self.settings,
            rate=self.rate,
            memory_bytes=lambda _: 1,
            driver=lambda *_: FakeDriver(self),
            monitor=FakeMonitor,
            window=lambda *_: FakeWindow(self),
        )

    def step(self, word: str) -> None:
        self.steps.append(word)
        happens = self.at.get(word)
        if isinstance(happens, BaseException):
            raise happens
        if happens:
            happens()

    def look(self, _: Collection[int]) -> Moment:
        self.step(f"look {self.place}")
        is_second = self.steps.count(f"look {self.place}") == 2
        return Moment(reference_s=0.002 if is_second and self.place in self.noisy else 0.001, pressure_s={})

    @contextmanager
    def backing(self, *_: object) -> Iterator[str]:
        self.step("backing")
        yield "18.1"
        self.step("backing ends")

    def restore_backing(self, _: Runtime, __: object, logs: Path) -> list[str]:
        self.place = logs.name
        self.step(f"restore {self.place}")
        gone, self.dead = self.dead & {DATABASE, UPSTREAM}, self.dead - {DATABASE, UPSTREAM}
        return [f"{label} is not running. {label} was started again." for label in sorted(gone)]

    @contextmanager
    def serving(self, runtime: Runtime, arms: Sequence[Arm], logs: Path, _: object) -> Iterator[Started]:
        self.arms |= {arm.port: arm.label for arm in arms}
        self.step(f"start {logs.name} {' '.join(arm.label for arm in arms)}")
        try:
            yield self.started.get(logs.name, Started())
        finally:
            runtime.stop([arm.label for arm in arms])

    def verify(self, _: str, stack: Stack) -> list[Finding]:
        self.step(f"verify {stack.name}")
        return next(self.findings, [])

    def rate(self, runtime: Runtime, arms: Sequence[Arm], logs: Path, cpus: Collection[int]) -> Rate:
        """Without arms nothing can be measured, and the real one says so."""
        if not arms:
            return calibrated(runtime, arms, logs, cpus)
        self.step("rate")
        return Rate(rounds_per_ms=self.rounds_per_ms, stack=arms[0].label)


class FakeRuntime:
    """A runtime whose arms run unless they are among the world's dead."""

    name = "fake"

    def __init__(self, world: FakeWorld) -> None:
        self.step, self._world = world.step, world

    def lacks(self, _: str) -> str | None:
        return None

    def prepare(self, services: Iterable[str], _: Iterable[Arm] = ()) -> None:
        self.step(f"prepare {' '.join(services)}")

    def not_applied(self, _: Iterable[str]) -> list[str]:
        return []

    def create(self, arms: Sequence[Arm], _: Path) -> None:
        self.step(f"create {' '.join(arm.label for arm in arms)}")

    def run(self, label: str) -> None:
        self.step(f"run {label}")

    def output_of(self, service: str, words: Sequence[str]) -> str:
        self.step(f"output of {service} {' '.join(words)}")
        return ""

    def target(self, label: str) -> Target:
        if label in self._world.dead:
            raise LabError(f"{label} is not running.")
        return Target(pid=1, contained=False)

    def log_tail(self, label: str, _: int = 20) -> tuple[str, ...]:
        return (f"last words of {label}",)

    def stop(self, labels: Iterable[str]) -> None:
        self.step(f"stop {' '.join(labels)}")

    def stop_all(self) -> None:
        self.step("stop all")

    def close(self) -> None:
        self.step("close")

    def identify(self, label: str) -> dict[str, str]:
        return {"image": f"image of {label}"}

    def image_layers(self, service: str) -> dict[str, int] | None:
        return {service: 1}


class FakeDriver(Driver):
    """A driver whose answers are scripted; a trial takes `trial_s` of the world's clock."""

    pid = 1

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    def _start(self) -> None:
        self._world.step("driver")

    def stop(self) -> None:
        self._world.step("driver ends")

    def run(self, order: Order, _: object) -> Driven | Failed:
        world, began_s = self._world, self._world.now_s
        world.now_s += world.trial_s
        word = f"{world.place} {world.arms[order.port]} {order.scenario.id}"
        world.step(word)
        world.orders.append(order)
        answer = world.trials.get(f"{word} {order.load}", world.trials.get(word, {}))
        if isinstance(answer, Failed):
            return answer
        world.sample = sample(**{"began_s": began_s, "window_end_s": world.now_s, **answer})
        return world.sample.driven


class FakeWindow(Window):
    """What was read beside the driver is what the script says of the sample."""

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    def disturbance(self) -> str:
        return self._world.disturbance

    def seen(self, _: float, __: object) -> dict[str, Any]:
        by_bench = {"kind", "trial", "started_at", "driven", "offered_rps", "idle_memory_bytes", "overhead_s"}
        return self._world.sample.model_dump(exclude=by_bench)


class FakeMonitor(Monitor):
    """A connection that nobody asks."""

    def __init__(self, _: int) -> None: ...
    def close(self) -> None: ...


class Said(Reporter):
    """What a session told."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.trials = 0
        """How many the session said there are."""

    def step(self, text: str) -> None:
        self.lines.append(text)

    def begin(self, trials: int, _: float) -> None:
        self.trials += trials

    def more(self, trials: int) -> None:
        self.trials += trials

    def block(self, number: int, of: int) -> None: ...
    def trial(self, outcome: Outcome) -> None: ...
