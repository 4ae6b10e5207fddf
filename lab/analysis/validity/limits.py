"""What a trial could do at most: slots, waits and CPUs, from what run.json knows."""

from collections.abc import Iterator, Mapping, Sequence

from lab.model.noun import Noun
from lab.model.stack import Setting, Stack
from lab.model.workload import POOLS, Scenario


class Limits(Noun):
    """What a trial could do at most; run.json has one for each stack and scenario.

    `slots` is how many requests may wait at once (None: no such limit; a fraction where each makes several calls),
    `wait_ms` how long one holds its slot at least.
    """

    slots: float | None = None
    wait_ms: float = 0
    workers: int = 1
    is_locked: bool = False
    """Whether only one thread of a worker computes at a time, as with Python's global lock."""
    server_cpus: int = 1
    other_cpus: int = 1
    shares_cpus: bool = False
    """Whether the generator and the services run on CPUs of the server, too."""
    expected_errors: tuple[str, ...] = ()


def limits_of(
    stack: Stack, scenario: Scenario, settings: Mapping[str, Setting], cpu_plan: Mapping[str, Sequence[int]]
) -> Limits:
    """Return the limits by the scenario's declaration and the stack's `settings`; CPUs that are not known count as one."""
    return Limits(
        slots=min(_gates(stack, scenario, settings), default=None),
        wait_ms=scenario.waits_ms,
        workers=_number(settings, "workers") or 1,
        is_locked=bool(stack.base_image),
        server_cpus=max(1, len(cpu_plan.get("server", ()))),
        other_cpus=max(1, len(cpu_plan.get("others", ()))),
        shares_cpus=not set(cpu_plan.get("server", ())).isdisjoint(cpu_plan.get("others", ())),
        expected_errors=scenario.expected_errors,
    )


def _gates(stack: Stack, scenario: Scenario, settings: Mapping[str, Setting]) -> Iterator[float]:
    """Yield how many requests each gate lets wait at once: a blocked worker, threads, the pools of connections.

    Each worker has slots and pools of its own.
    """
    workers = _number(settings, "workers") or 1
    slots = _number(settings, "slots")
    if stack.model == "sync" or (stack.model == "async" and scenario.holds == "worker"):
        yield workers
    elif scenario.holds == "slots" or (stack.model == "threads" and not _relayed(scenario, settings)):
        yield from () if slots is None else (workers * slots,)
    if scenario.holds in POOLS and (width := _number(settings, scenario.holds)) is not None:
        if scenario.at_once is not None and stack.model != "async":  # without coroutines each call takes a thread
            width = min(width, slots or width)
        yield workers * width / (scenario.at_once or 1)


def _relayed(scenario: Scenario, settings: Mapping[str, Setting]) -> bool:
    """Return whether the stack may send a stream from an event loop, which holds no thread between two of its parts."""
    return scenario.streams and not ("loop" in settings and settings["loop"].value is None)


def _number(settings: Mapping[str, Setting], name: str) -> int | None:
    value = settings[name].value if name in settings else None
    return value if isinstance(value, int) else None


def ceiling_per_s(limits: Limits, early_ms: float = 0) -> float | None:
    """Responses a second that the slots allow; None where they limit nothing."""
    wait_ms = limits.wait_ms - early_ms
    return None if limits.slots is None or wait_ms <= 0 else limits.slots / wait_ms * 1e3
