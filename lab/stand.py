"""`verify`, `up` and `down`: servers outside of a run."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from lab import choose, contract, store
from lab.errors import Exit, LabError
from lab.house import House
from lab.interrupt import interruptible
from lab.launch import auto
from lab.launch.runtime import Runtime
from lab.nouns import Stack
from lab.progress import Reporter, Say
from lab.project import STATE
from lab.servers import DATABASE, UPSTREAM, arm_of, backing, serving


def verify(stacks: str, runtime_name: str) -> Exit:
    """Holds stacks (comma-separated; empty means all) to the HTTP contract, one after the other.

    Raises:
        LabError: nothing could be started.
    """
    house = House.here()
    runtime = house.runtime(runtime_name)
    chosen, left_out = choose.startable(choose.words(stacks) or [choose.ALL], house.stacks, runtime.lacks)
    with Reporter() as say, _standing(house, runtime, chosen, say) as logs:
        for reason in left_out:
            say.step(f"Left out: {reason}")
        held = [_holds(house, runtime, stack, logs, say) for stack in chosen]
        say.step(f"{sum(held)} of {len(held)} stacks hold the contract in the {runtime.name} runtime.")
    return Exit.DONE if all(held) else Exit.NOT_ALL_MEASURED


def up(stack: str, runtime_name: str) -> Exit:
    """Starts one stack with its services, leaves it running and prints its address.

    Raises:
        LabError: it could not be started; then nothing is left running.
    """
    house = House.here()
    if not stack:
        raise LabError(f"Say which stack to start, STACK=<name>: {', '.join(house.stacks)}.")
    runtime = house.runtime(runtime_name)
    chosen, _ = choose.startable([stack], house.stacks, runtime.lacks)
    arm = arm_of(chosen[0].name, house.services)
    with contextlib.ExitStack() as started:
        say = started.enter_context(Reporter())
        logs = started.enter_context(_standing(house, runtime, chosen, say))
        unhealthy = started.enter_context(serving(runtime, [arm], logs))
        if unhealthy:
            raise LabError("\n  ".join([unhealthy[arm.label], *runtime.log_tail(arm.label)]))
        started.pop_all()
    print(f"http://127.0.0.1:{arm.port}")  # noqa: T201  # the answer, on standard output
    return Exit.DONE


def down() -> Exit:
    """Stops what the lab started in this checkout, in every runtime that this machine has."""
    house = House.here()
    for name in auto.available():
        house.runtime(name).stop_all()
    return Exit.DONE


@contextlib.contextmanager
def _standing(house: House, runtime: Runtime, chosen: list[Stack], say: Say) -> Iterator[Path]:
    """Everything prepared and the backing services running; gives a folder for logs."""
    logs = STATE / "logs"
    with store.only_one(STATE), interruptible():
        logs.mkdir(parents=True, exist_ok=True)
        runtime.stop_all()
        needed = sorted({DATABASE, UPSTREAM, *(stack.name for stack in chosen)})
        say.step(f"Preparing {', '.join(needed)} ({runtime.name}) …")
        runtime.prepare(needed)
        with backing(runtime, house.services, logs):
            yield logs


def _holds(house: House, runtime: Runtime, stack: Stack, logs: Path, say: Say) -> bool:
    arm = arm_of(stack.name, house.services)
    with serving(runtime, [arm], logs) as unhealthy:
        if unhealthy:
            findings = [*unhealthy.values(), *runtime.log_tail(stack.name)]
        else:
            findings = [str(finding) for finding in contract.verify(f"http://127.0.0.1:{arm.port}", stack)]
    say.step("\n  ".join([f"{stack.name}: {'does not hold' if findings else 'holds'} the contract", *findings]))
    return not findings
