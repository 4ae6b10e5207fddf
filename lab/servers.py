"""Starts arms and stops them again, whatever happens in between: the stacks of a block, and the services they lean on."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lab.errors import LabError
from lab.interrupt import deferred
from lab.launch import ready
from lab.launch.runtime import Runtime
from lab.nouns import AA, AA_PORT_OFFSET, Arm, Service

_READY_WITHIN_S = 20
DATABASE, UPSTREAM = "postgres", "upstream"


def arm_of(label: str, services: Mapping[str, Service]) -> Arm:
    """The arm of a label: a service, or with @aa behind it the same service on a port of its own."""
    name = label.removesuffix(AA)
    port = services[name].port
    if port is None:
        raise LabError(f"docker-compose.yml: service {name} has no label lab.port, so the lab cannot reach it.")
    if name == label:
        return Arm(label=label, service=name, port=port)
    port += AA_PORT_OFFSET
    return Arm(label=label, service=name, port=port, variables={"LAB_PORT": str(port), "LAB_ARM": AA})


@contextlib.contextmanager
def serving(
    runtime: Runtime, arms: Sequence[Arm], logs: Path, within_s: float = _READY_WITHIN_S
) -> Iterator[ready.Standing]:
    """`start`, and at the end all of them are stopped."""
    try:
        yield start(runtime, arms, logs, within_s)
    finally:
        with deferred():
            runtime.stop([arm.label for arm in arms])


def start(runtime: Runtime, arms: Sequence[Arm], logs: Path, within_s: float = _READY_WITHIN_S) -> ready.Standing:
    """Starts arms together, and says which cannot be measured and when the others were healthy.

    A port that is taken, an engine that refuses and a server that dies or never gets healthy are reasons, not errors:
    the others can still be measured. Only a server that was started and does not serve is at fault itself.
    """
    taken = {arm.label: f"Port {arm.port} is taken by another program." for arm in arms if ready.port_taken(arm.port)}
    free = [arm for arm in arms if arm.label not in taken]
    with ready.Answers(free) as answers:
        refused = _started(runtime, free, logs)
        standing = answers.wait(lambda label: refused.get(label) or died(runtime, label), within_s)
    return replace(standing, unhealthy=taken | standing.unhealthy, not_started=frozenset({*taken, *refused}))


def _started(runtime: Runtime, arms: Sequence[Arm], logs: Path) -> dict[str, str]:
    """Starts all together or, where that is refused, one by one, so that one takes no other down; says who was refused."""
    try:
        runtime.start(arms, logs)
    except LabError:
        runtime.stop([arm.label for arm in arms])
    else:
        return {}
    refused: dict[str, str] = {}
    for arm in arms:
        try:
            runtime.start([arm], logs)
        except LabError as error:
            refused[arm.label] = str(error)
    return refused


@contextlib.contextmanager
def backing(runtime: Runtime, services: Mapping[str, Service], logs: Path) -> Iterator[str]:
    """`start_backing`, and at the end both are stopped."""
    try:
        yield start_backing(runtime, services, logs)
    finally:
        with deferred():
            runtime.stop([DATABASE, UPSTREAM])


def start_backing(runtime: Runtime, services: Mapping[str, Service], logs: Path) -> str:
    """Starts PostgreSQL, seeded, and upstream; gives PostgreSQL's version.

    Raises:
        LabError: one of them cannot be had; without them nothing can be measured.
    """
    from lab.launch import postgres  # late: psycopg takes 0.1 s to import

    database, upstream = arm_of(DATABASE, services), arm_of(UPSTREAM, services)
    for arm in (database, upstream):
        if ready.port_taken(arm.port):
            raise LabError(
                f"Port {arm.port} of {arm.label} is taken by another program: stop it (`make down` stops what the lab left)."
            )
    runtime.start([database, upstream], logs)
    version = postgres.seed(database.port, lambda: died(runtime, database.label), _READY_WITHIN_S)
    with ready.Answers([upstream]) as answers:
        reasons = answers.wait(lambda label: died(runtime, label), _READY_WITHIN_S).unhealthy
    if reasons:
        raise LabError(reasons[UPSTREAM] + "".join(f"\n  {line}" for line in runtime.log_tail(UPSTREAM)))
    return version


def died(runtime: Runtime, label: str) -> str | None:
    """Why an arm is not running; None while it is."""
    try:
        runtime.target(label)
    except LabError as error:
        return str(error)
    return None
