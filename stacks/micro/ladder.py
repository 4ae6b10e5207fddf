"""The cost of a call, a coroutine, a task, a thread, step by step, measured by pyperf.

It prints, as JSON, the seconds that each step took in each of its worker processes: the median of the values of that process.
Values are short, so that most of them are not interrupted, and the median leaves the others out.
A round measures each step once, in a fresh process. So a disturbance of the machine falls on many steps, not on all processes of one.
"""

import asyncio
import contextlib
import json
import platform
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyperf
import uvloop

from stacks.micro.letters import letters, letters_coroutine
from stacks.shared.parser import Chunk, text_of, text_of_coroutine

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
GATHERED = 10
CHUNK: Chunk = {
    "content": [
        {"type": "text", "text": "Async pays "},
        {"type": "image", "url": "https://example.org/a.png"},
        "no object",
        {"type": "text", "text": "when requests wait."},
    ]
}
"""What loadtests/parse.py sends."""
GREETING = {"message": "Hello, World!"}
_POOL = ThreadPoolExecutor()
"""Starts its threads when it is first used, so only in the processes that need them."""


@dataclass(frozen=True)
class Step:
    """One step: its description, and how a runner measures it under a name."""

    about: str
    measure: Callable[[pyperf.Runner, str], pyperf.Benchmark | None]


def nothing() -> None:
    """Do nothing."""


async def nothing_coroutine() -> None:
    """Do nothing, and never suspend."""


def create() -> None:
    """Create a coroutine object; closed, it gives no warning that it was never awaited."""
    nothing_coroutine().close()


async def task() -> None:
    """Await a coroutine as a task of its own."""
    await asyncio.create_task(nothing_coroutine())


async def gather() -> None:
    """Await coroutines as tasks, all at once."""
    await asyncio.gather(*(nothing_coroutine() for _ in range(GATHERED)))


async def executor() -> None:
    """Call a function on a thread of the shared pool."""
    await asyncio.get_running_loop().run_in_executor(_POOL, nothing)


def run(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Do what `asyncio.run` does, which takes no other loop before Python 3.12."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(nothing_coroutine())


def called(about: str, function: Callable[..., object], *args: object) -> Step:
    """Return a step that calls a function."""
    return Step(about, lambda runner, name: runner.bench_func(name, function, *args))


def awaited(
    about: str, function: Callable[..., Coroutine[Any, Any, object]], *args: object, loop: str = "asyncio", of: int = 1
) -> Step:
    """Return a step that awaits a coroutine, again and again inside one, so that only the await counts.

    Args:
        of: what one of them does so many times.
    """
    options = {"loop_factory": LOOPS[loop], "inner_loops": of}
    return Step(about, lambda runner, name: runner.bench_async_func(name, function, *args, **options))


def on_each_loop(name: str, step: Callable[[str], Step]) -> dict[str, Step]:
    """Return a step for each event loop, under the name of both."""
    return {f"{name}-{loop}": step(loop) for loop in LOOPS}


STEPS: dict[str, Step] = {
    "call": called("call of an empty function", nothing),
    "create": called("call that creates a coroutine object and closes it", create),
    "await": awaited("await of an empty coroutine, which does not suspend", nothing_coroutine),
    **on_each_loop("sleep0", lambda loop: awaited("await that suspends once: `asyncio.sleep(0)`", asyncio.sleep, 0, loop=loop)),
    **on_each_loop("task", lambda loop: awaited("`asyncio.create_task`, and await of the task", task, loop=loop)),
    **on_each_loop(
        "gather-item", lambda loop: awaited("`asyncio.gather` of 10, time of each", gather, loop=loop, of=GATHERED)
    ),
    **on_each_loop("thread", lambda loop: awaited("`asyncio.to_thread`", asyncio.to_thread, nothing, loop=loop)),
    **on_each_loop("executor", lambda loop: awaited("`run_in_executor` with a shared pool of threads", executor, loop=loop)),
    **on_each_loop("run", lambda loop: called("`asyncio.run` of an empty coroutine", run, LOOPS[loop])),
    "json": called("the greeting as JSON", json.dumps, GREETING),
    "parser-function": called("the text parser, called", text_of, CHUNK),
    "parser-coroutine": awaited("the text parser, awaited", text_of_coroutine, CHUNK),
    "letters-function": called("the letters of a text of 17 characters, called", letters),
    "letters-coroutine": awaited("the letters of a text of 17 characters, awaited", letters_coroutine),
}  # fmt: skip
"""Name -> step, in the order of a round; every other round has them backwards."""


def measure() -> dict[str, list[float]]:
    """Return the seconds of each step, one for each round; empty in a worker, which measures one step of one round.

    The first round calibrates how often a step is repeated for one value. All later ones repeat it as often.
    """
    runner = pyperf.Runner(program_args=("-m", "stacks.micro.ladder"))
    options = runner.parse_args()
    rounds = options.worker_task // len(STEPS) + 1 if options.worker else options.processes
    options.processes, options.quiet = 1, True
    options.copy_env = True  # by which the lab finds processes that a killed command left
    loops, found = dict.fromkeys(STEPS, 0), {name: list[float]() for name in STEPS}
    for number in range(rounds):
        for name in list(STEPS)[:: -1 if number % 2 else 1]:
            if not options.worker:
                options.loops = loops[name]
            measured = STEPS[name].measure(runner, f"{name} {number}")
            if measured is not None and not options.worker:
                loops[name] = measured.get_runs()[-1].get_loops()
                found[name].append(measured.median())
    return {} if options.worker else found


def main() -> None:
    """Print the answer; what pyperf prints goes to standard error."""
    with contextlib.redirect_stdout(sys.stderr):
        steps = measure()
    if steps:
        about = {name: step.about for name, step in STEPS.items()}
        print(json.dumps({"python": platform.python_version(), "about": about, "steps": steps}))  # noqa: T201


if __name__ == "__main__":
    main()
