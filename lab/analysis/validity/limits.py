"""What a trial could do at most: slots, waits and CPUs, from what run.json knows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from lab.model.stack import Setting, Stack
from lab.model.workload import Scenario


@dataclass(frozen=True)
class Limits:
    """What a trial could do at most.

    `slots` is how many requests may wait at once (None: no such limit; a fraction where each makes several calls),
    `wait_ms` how long one holds its slot at least.
    """

    slots: float | None = None
    wait_ms: float = 0
    server_cpus: int = 1
    other_cpus: int = 1
    expected_errors: frozenset[str] = frozenset()


def limits_of(
    stack: Stack, scenario: Scenario, settings: Mapping[str, Setting], cpu_plan: Mapping[str, Sequence[int]]
) -> Limits:
    """From what run.json knows; `settings` are those of the stack, CPUs that are not known count as one."""
    wait_ms = _wait_ms(scenario)
    return Limits(
        slots=min(_gates(stack, scenario, settings), default=None),
        wait_ms=wait_ms,
        server_cpus=max(1, len(cpu_plan.get("server", ()))),
        other_cpus=max(1, len(cpu_plan.get("others", ()))),
        expected_errors=frozenset(scenario.expected_errors),
    )


def _gates(stack: Stack, scenario: Scenario, settings: Mapping[str, Setting]) -> Iterator[float]:
    """How many requests each gate on their way lets wait at once: threads, a blocked loop, the pools of connections.

    Each worker has slots and pools of its own.
    """
    workers = _number(settings, "workers") or 1
    names = []
    if stack.model == "sync" or (
        stack.model == "async" and scenario.path in ("/file/blocking", "/hazard/blocking-wait")
    ):
        yield workers
    elif scenario.path in ("/file/thread", "/file/async") or (
        stack.model == "threads" and not _relayed(scenario, settings)
    ):
        names.append("slots")
    if scenario.path.startswith("/db/"):
        names.append("db_pool")
    yield from (workers * known for name in names if (known := _number(settings, name)) is not None)
    if scenario.path.startswith("/http/") or scenario.path == "/stream":
        yield from (workers * gate for gate in _calls_gate(stack, scenario, settings))


def _calls_gate(stack: Stack, scenario: Scenario, settings: Mapping[str, Setting]) -> Iterator[float]:
    """Connections to upstream, where all requests share them; without coroutines fan-out has no more threads than slots.

    In requests: each occupies as much of the gate as it makes calls, for as many of its rounds as they take.
    """
    width = _number(settings, "upstream_connections")
    if width is None:
        return
    fans_out = scenario.path in ("/http/concurrent", "/http/bounded")
    if fans_out and stack.model != "async":
        width = min(width, _number(settings, "slots") or width)
    yield width * _rounds(scenario) / _calls(scenario) if fans_out else width


def _relayed(scenario: Scenario, settings: Mapping[str, Setting]) -> bool:
    """Whether the stack may send a stream from an event loop, which holds no thread between two of its events."""
    return scenario.path == "/stream" and not ("loop" in settings and settings["loop"].value is None)


def _number(settings: Mapping[str, Setting], name: str) -> int | None:
    value = settings[name].value if name in settings else None
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


def ceiling_per_s(limits: Limits, early_ms: float = 0) -> float | None:
    """Responses a second that the slots allow; None where they limit nothing."""
    wait_ms = limits.wait_ms - early_ms
    return None if limits.slots is None or wait_ms <= 0 else limits.slots / wait_ms * 1e3
