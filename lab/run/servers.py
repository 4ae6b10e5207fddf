"""Start arms, and stop them whatever happens in between: the stacks of a block, and their backing services."""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from lab.errors import LabError
from lab.model.stack import AA, AA_PORT_OFFSET, Arm, Service
from lab.run.starting import READY_WITHIN_S, Started, start
from lab.runtime import readiness
from lab.runtime.interface import Runtime, died
from lab.signals import deferred

DATABASE, UPSTREAM = "postgres", "upstream"


def arm_of(label: str, services: Mapping[str, Service]) -> Arm:
    """Return the arm of a label: a service or its variant, or with the suffix @aa the same on a port of its own."""
    service = services[label.removesuffix(AA)]
    if service.port is None:
        raise LabError(f"docker-compose.yml: service {service.name} has no label lab.port, so the lab cannot reach it.")
    arm = Arm(
        label=label,
        service=service.name,
        port=service.port,
        variables=service.variables,
        workers=service.budget.get("LAB_WORKERS", 1),
    )
    if not label.endswith(AA):
        return arm
    port = service.port + AA_PORT_OFFSET
    own = {"LAB_PORT": str(port), "LAB_ARM": label.removeprefix(service.name)}
    return arm.model_copy(update={"port": port, "variables": service.variables | own})


@contextlib.contextmanager
def serving(
    runtime: Runtime, arms: Sequence[Arm], logs: Path, cpus: Collection[int], within_s: float = READY_WITHIN_S
) -> Iterator[Started]:
    """`start`, and at the end all of them are stopped."""
    try:
        yield start(runtime, arms, logs, cpus, within_s)
    finally:
        with deferred():
            runtime.stop([arm.label for arm in arms])


@contextlib.contextmanager
def backing(runtime: Runtime, services: Mapping[str, Service], logs: Path) -> Iterator[str]:
    """`start_backing`, and at the end both are stopped."""
    try:
        yield start_backing(runtime, services, logs)
    finally:
        with deferred():
            runtime.stop([DATABASE, UPSTREAM])


def start_backing(runtime: Runtime, services: Mapping[str, Service], logs: Path) -> str:
    """Start PostgreSQL and upstream; return PostgreSQL's version.

    Raises:
        LabError: one of them cannot be had, with the end of its log; without them nothing can be measured.
    """
    database, upstream = arm_of(DATABASE, services), arm_of(UPSTREAM, services)
    for arm in (database, upstream):
        if whose := readiness.taken(arm.port):
            raise LabError(
                f"Port {arm.port} of {arm.label} is taken by {whose}: stop it (`make down` stops what the lab left)."
            )
    runtime.create([database, upstream], logs)
    version = _run_backing(runtime, database)
    _run_backing(runtime, upstream)
    return version


def restore_backing(runtime: Runtime, services: Mapping[str, Service], logs: Path) -> list[str]:
    """Start again, as new, whichever of PostgreSQL and upstream no longer serves; return a sentence for each.

    Raises:
        LabError: it cannot be had again, with the end of its log.
    """
    found = []
    for arm in (arm_of(DATABASE, services), arm_of(UPSTREAM, services)):
        if wrong := died(runtime, arm.label) or _WRONG[arm.label](arm):
            runtime.stop([arm.label])
            runtime.create([arm], logs)
            _run_backing(runtime, arm)
            found.append(f"{wrong} {arm.label} was started again.")
    return found


def _run_backing(runtime: Runtime, arm: Arm) -> str:
    """Run a created service until it serves; return what it says of its version."""
    try:
        runtime.run(arm.label)
        return _AWAIT[arm.label](runtime, arm)
    except LabError as error:
        raise LabError("\n  ".join([str(error), *runtime.log_tail(arm.label)])) from None


def _await_database(runtime: Runtime, arm: Arm) -> str:
    from lab.runtime import postgres  # late: psycopg takes 0.1 s to import

    return postgres.ready(arm.port, lambda: died(runtime, arm.label), READY_WITHIN_S)


def _await_upstream(runtime: Runtime, arm: Arm) -> str:
    if wrong := readiness.wrong_after(arm, lambda: died(runtime, arm.label), READY_WITHIN_S):
        raise LabError(wrong)
    return ""


def _wrong_database(arm: Arm) -> str | None:
    from lab.runtime import postgres  # late: psycopg takes 0.1 s to import

    return postgres.wrong(arm.port)


_AWAIT: dict[str, Callable[[Runtime, Arm], str]] = {DATABASE: _await_database, UPSTREAM: _await_upstream}
_WRONG: dict[str, Callable[[Arm], str | None]] = {DATABASE: _wrong_database, UPSTREAM: readiness.ask_health}
