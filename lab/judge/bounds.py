"""What limited a trial: server CPU, server slots, generator, database, upstream, or only the load that was offered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from lab.nouns import Knob, Role, Sample, Scenario, Stack

Bound = Literal["server CPU", "server slots", "generator", "database", "upstream", "offered rate", ""]

MEANING: dict[Bound, str] = {
    "server CPU": "the server's CPU was full: this is what the stack can do",
    "server slots": "all slots waited: the number of slots was measured, not the framework",
    "generator": "the load generator was full: the stack may be faster than shown",
    "database": "the database was full: the stack may be faster than shown",
    "upstream": "the upstream service was full: the stack may be faster than shown",
    "offered rate": "nothing was full: more users or a higher rate would have given more",
}
FULL = 0.9
"""Share of a CPU, or of a ceiling, from which on it counts as reached."""
MOST = 0.6
"""Share of a full CPU that the server itself must have used to count as what filled it."""

SERVED = 0.95
"""Share of an open load's arrivals whose responses say that the schedule was kept."""


@dataclass(frozen=True)
class Setting:
    """What a trial could do at most.

    `slots` is how many requests may wait at once (None: no such limit; a fraction where each makes several calls),
    `wait_ms` how long one holds its slot at least.
    """

    slots: float | None = None
    wait_ms: float = 0
    server_cpus: int = 1
    other_cpus: int = 1
    expected_errors: frozenset[str] = frozenset()


def setting(
    stack: Stack, scenario: Scenario, knobs: Mapping[str, Knob], cpu_plan: Mapping[str, Sequence[int]]
) -> Setting:
    """From what run.json knows; `knobs` are those of the stack, CPUs that are not known count as one."""
    wait_ms = _wait_ms(scenario)
    return Setting(
        slots=min(_gates(stack, scenario, knobs), default=None),
        wait_ms=wait_ms,
        server_cpus=max(1, len(cpu_plan.get("server", ()))),
        other_cpus=max(1, len(cpu_plan.get("others", ()))),
        expected_errors=frozenset(scenario.expected_errors),
    )


def _gates(stack: Stack, scenario: Scenario, knobs: Mapping[str, Knob]) -> Iterator[float]:
    """How many requests each gate on their way lets wait at once: threads, a blocked loop, the pools of connections."""
    names = []
    if stack.model == "sync":
        names.append("workers")
    elif scenario.path == "/file/thread" or (stack.model == "threads" and not _relayed(scenario, knobs)):
        names.append("slots")
    if stack.model == "async" and scenario.path == "/hazard/blocking-wait":
        names.append("workers")
    if scenario.path.startswith("/db/"):
        names.append("db_pool")
    yield from (known for name in names if (known := _number(knobs, name)) is not None)
    if scenario.path.startswith("/http/") or scenario.path == "/stream":
        yield from _calls_gate(stack, scenario, knobs)


def _calls_gate(stack: Stack, scenario: Scenario, knobs: Mapping[str, Knob]) -> Iterator[float]:
    """Connections to upstream, where all requests share them; without coroutines fan-out has no more threads than slots.

    In requests: each occupies as much of the gate as it makes calls, for as many of its rounds as they take.
    """
    width = _number(knobs, "upstream_connections")
    if width is None:
        return
    fans_out = scenario.path in ("/http/concurrent", "/http/bounded")
    if fans_out and stack.model != "async":
        width = min(width, _number(knobs, "slots") or width)
    yield width * _rounds(scenario) / _calls(scenario) if fans_out else width


def _relayed(scenario: Scenario, knobs: Mapping[str, Knob]) -> bool:
    """Whether the stack may send a stream from an event loop, which holds no thread between two of its events."""
    return scenario.path == "/stream" and not ("loop" in knobs and knobs["loop"].value is None)


def _number(knobs: Mapping[str, Knob], name: str) -> int | None:
    value = knobs[name].value if name in knobs else None
    return value if isinstance(value, int) else None


def _wait_ms(scenario: Scenario) -> float:
    """How long one request waits at least, and holds what it waits in."""
    wait = float(scenario.params.get("ms", 0))
    match scenario.path:
        case "/db/sequential" | "/http/sequential":
            return wait * _calls(scenario)
        case "/http/concurrent" | "/http/bounded":
            return wait * _rounds(scenario)
        case "/stream":
            return wait * int(scenario.params.get("chunks", 1))
        case _:
            return wait


def _calls(scenario: Scenario) -> int:
    return max(1, int(scenario.params.get("n", 1)))


def _rounds(scenario: Scenario) -> int:
    """Of calls at once, which a request makes one after the other."""
    return ceil(_calls(scenario) / max(1, int(scenario.params.get("limit", _calls(scenario)))))


def ceiling_per_s(setting: Setting, early_ms: float = 0) -> float | None:
    """Responses a second that the slots allow; None where they limit nothing."""
    wait_ms = setting.wait_ms - early_ms
    return None if setting.slots is None or wait_ms <= 0 else setting.slots / wait_ms * 1e3


def cpu_share(sample: Sample, role: Role) -> float | None:
    """CPUs that a role kept busy during the window (1.0: one whole CPU)."""
    usage = sample.usage.get(role)
    return None if usage is None or usage.cpu_s is None else usage.cpu_s / sample.driven.window_s


def generator_share(sample: Sample, other_cpus: int = 1) -> float | None:
    """How busy the generator's core was, by all that runs on it; of several CPUs no less than the generator alone."""
    alone = cpu_share(sample, "generator")
    if sample.other_cores_busy is not None:
        return max(alone or 0, sample.other_cores_busy)
    if alone is None:
        return None
    together = alone + (cpu_share(sample, "database") or 0) + (cpu_share(sample, "upstream") or 0)
    return max(alone, together / other_cpus)


def quota_share(sample: Sample) -> float | None:
    """Share of the window for which a CPU quota of the server's own kept it from running: above 1 on several CPUs."""
    throttled_s = sample.server_throttled_s
    return None if throttled_s is None else throttled_s / sample.driven.window_s


def foreign_share(sample: Sample, server_cpus: int = 1) -> float | None:
    """Share of the server's CPUs that was taken by something that is neither the server nor a stack of the run."""
    own = cpu_share(sample, "server")
    if sample.server_cores_busy is None or own is None:
        return None
    idle = (sample.idle_cpu_s or 0) / sample.driven.window_s
    return sample.server_cores_busy - (own + idle) / server_cpus


def bound_by(sample: Sample, setting: Setting) -> Bound:
    """The first limit that was reached, the server's own first."""
    if not sample.driven.completed:
        return ""
    if _server_full(sample, setting):
        return "server CPU"
    if _slots_full(sample, setting):
        return "server slots"
    if not _load_served(sample, setting):
        if (generator_share(sample, setting.other_cpus) or 0) > FULL:
            return _largest_beside_server(sample)
        if (cpu_share(sample, "upstream") or 0) >= FULL:  # one process on one thread: further CPUs do not help it
            return "upstream"
    return "server slots" if _users_queue(sample, setting) else "offered rate"


def _server_full(sample: Sample, setting: Setting) -> bool:
    """All its CPUs are full of its own work, or exactly one is: an interpreter with a global lock cannot use a second.

    Interrupts that the server causes are counted to the CPU and not to it, so of a full CPU most is enough; where
    others filled it, the trial is invalid (FOREIGN) and the server was not the bound. What the hypervisor took was not
    there to be filled.
    """
    share = cpu_share(sample, "server") or 0
    stolen = sample.server_stolen or 0
    if (sample.server_cores_busy or 0) >= FULL * (1 - stolen) and share >= MOST * setting.server_cpus:
        return True
    return share >= FULL * setting.server_cpus or FULL <= share <= 1.05


def _slots_full(sample: Sample, setting: Setting) -> bool:
    """Only more users than slots can fill the slots; with fewer, the users are the limit."""
    ceiling, load = ceiling_per_s(setting), sample.trial.load
    if ceiling is None or (load.kind == "closed" and load.amount <= (setting.slots or 0)):
        return False
    return _rps(sample) >= FULL * ceiling


def _users_queue(sample: Sample, setting: Setting) -> bool:
    """More users than slots always have a request waiting for one: where nothing else is full, more users change nothing."""
    load = sample.trial.load
    return load.kind == "closed" and setting.slots is not None and load.amount > setting.slots


def _load_served(sample: Sample, setting: Setting) -> bool:
    """All that was offered was answered: the schedule (open), or each user as often as the wait allows (closed)."""
    load = sample.trial.load
    if load.kind == "open":
        return sample.driven.completed >= SERVED * sample.driven.requests
    return setting.wait_ms > 0 and _rps(sample) >= FULL * load.amount / setting.wait_ms * 1e3


def _rps(sample: Sample) -> float:
    return sample.driven.completed / sample.driven.window_s


def _largest_beside_server(sample: Sample) -> Bound:
    """Who filled the generator's core; unless it was clearly another role, the generator could not run freely."""
    roles: tuple[Literal["database", "upstream"], ...] = ("database", "upstream")
    largest = max(roles, key=lambda role: cpu_share(sample, role) or 0)
    share = cpu_share(sample, largest) or 0
    return largest if share > max(FULL / 2, cpu_share(sample, "generator") or 0) else "generator"
