"""`advise`: what the newest suitable run says of a request that waits and computes."""

import re
import sys
from collections.abc import Iterator
from contextlib import suppress

import typer

from lab.answers.choice import Question, advice
from lab.answers.crossover import WORKLOAD, Crossover
from lab.errors import Exit, LabError
from lab.host import machine
from lab.paths import RESULTS
from lab.report.advice import sentences
from lab.report.view import view_of
from lab.run import store
from lab.run.store import RunFolder

_TARGET = re.compile(r"p99\s*<?=\s*(\d+(?:\.\d+)?)\s*ms", re.ASCII)
_SAME = ("cpu", "cpus")
"""Facts that are the same where a run was made on a machine like this one."""


def advise(
    wait_ms: float | None, cpu_ms: float | None, in_flight: int | None, threads: int, target: str, run: str
) -> Exit:
    """Print which handler kind a run makes the better one, and what it expects of both.

    Args:
        wait_ms, cpu_ms: how long a request waits and how much CPU time it needs, in ms; None asks a person for it.
        in_flight: requests at once; None asks for it.
        threads: of the pool that `def` handlers run on.
        target: `p99=100ms`, or empty.
        run: name of the run that answers; empty means the newest suitable one.

    Raises:
        LabError: no run is suitable, or a figure is missing and nobody is there to give it.
    """
    question = Question(
        wait_ms=_figure("--wait-ms", "How long does a request wait, in ms (database, other services)?", wait_ms),
        cpu_ms=_figure("--cpu-ms", "How much CPU time does your own code take for it, in ms?", cpu_ms),
        in_flight=int(_figure("--in-flight", "How many requests are in flight at once?", in_flight)),
        threads=threads,
        target_p99_ms=_target(target),
    )
    if question.in_flight < 1 or question.threads < 1 or min(question.wait_ms, question.cpu_ms) < 0:
        raise LabError("Waits and CPU times are 0 or more; requests in flight and threads are 1 or more.")
    folder, crossover = _suitable(run)
    for sentence in (*_origin(folder), *sentences(advice(question, crossover))):
        print(sentence)  # noqa: T201  # the answer
    return Exit.DONE


def _figure(option: str, asked: str, given: float | None) -> float:
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise LabError(f"{option} is missing: give it, or call `make advise` on a terminal, which asks for it.")
    return float(typer.prompt(asked, type=float))


def _target(text: str) -> float | None:
    if not text:
        return None
    if not (read := _TARGET.fullmatch(text)):
        raise LabError(f"--target={text} cannot be read: write it as p99=100ms.")
    return float(read[1])


def _suitable(name: str) -> tuple[RunFolder, Crossover]:
    """Return the run of that name, or the newest one that measured the law, with the law."""
    if name:
        folder = store.folder(RESULTS, name)
        found = view_of(folder.path).crossover
        if found is None:
            raise LabError(f"The run {name} has too few points of wait and CPU time: PROFILE=map measures them.")
        return folder, found
    for folder in sorted(_candidates(), key=_rank, reverse=True):
        with suppress(LabError):  # a run of another version of the lab
            if found := view_of(folder.path).crossover:
                return folder, found
    raise LabError(
        "No run has measured threads against coroutines yet: `make bench PROFILE=map` does, in less than an hour."
    )


def _candidates() -> Iterator[RunFolder]:
    for path in (*RESULTS.glob("*/run.json"), *RESULTS.glob("reference/*/run.json")):
        folder = RunFolder(path.parent)
        if path.parent.is_symlink():
            continue
        try:
            facts = folder.read_run()
        except LabError:
            continue
        is_test = facts["profile"].get("grid") == "held-out"  # of the advice of another run
        if facts.get("ended_at") and not is_test and any(one["workload"] == WORKLOAD for one in facts["scenarios"]):
            yield folder


def _rank(folder: RunFolder) -> tuple[bool, str]:
    """Rank runs of a machine like this one first, then the newest."""
    facts = folder.read_run()
    return _is_here(facts["machine"]), str(facts["started_at"])


def _is_here(recorded: dict[str, object]) -> bool:
    here = machine.facts()
    return all(recorded.get(fact) == here.get(fact) for fact in _SAME)


def _origin(folder: RunFolder) -> Iterator[str]:
    facts = folder.read_run()
    yield f"From the run {folder.path.relative_to(RESULTS)} of {facts['started_at'][:10]}, runtime {facts['runtime']}."
    if not _is_here(facts["machine"]):
        yield "That run was made on another machine: `make bench PROFILE=map` measures this one."
