"""What it takes to start a stack: the image, the time to the first healthy answer, the memory before the first request."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf

from lab.analysis import stats
from lab.model.outcome import Sample
from lab.report import words
from lab.report.page import Head, Text
from lab.report.read import Run


@dataclass(frozen=True)
class Start:
    """One stack; None where it was not measured, or where there is no image."""

    stack: str
    image_mb: float | None
    own_mb: float | None
    """Of that, in layers that no other image of the run has."""
    alone_s: float | None
    """From the order to start to the first healthy answer, before the first block."""
    cold_start_s: tuple[float, ...]
    """The same in every attempt at a block."""
    cpu_s: float | None
    """CPU time of the start, median over the same."""
    idle_mb: float | None

    @property
    def median_s(self) -> float | None:
        return stats.middle(self.cold_start_s)

    @property
    def known(self) -> bool:
        return bool(self.image_mb or self.alone_s or self.cold_start_s or self.idle_mb)


COLUMNS: Mapping[Head, Callable[[Start], Text]] = {
    Head("CPU time to start", "s, median"): lambda start: Text(words.number(start.cpu_s)),
    Head("cold start", "s, before the first block"): lambda start: Text(words.number(start.alone_s)),
    Head("cold start", "s, median over blocks (range)"): lambda start: Text(
        words.number(start.median_s), words.range_s(start.cold_start_s)
    ),
    Head("memory", "MB, idle"): lambda start: Text(words.number(start.idle_mb)),
    Head("image", "MB"): lambda start: Text(words.number(start.image_mb)),
    Head("of it its own", "MB"): lambda start: Text(words.number(start.own_mb)),
}
"""Head of a column -> what a stack has there."""


def starts(run: Run) -> list[Start]:
    """Return every stack of which anything is known, the one that costs least to start first."""
    found = [start for start in _starts(run) if start.known]
    return sorted(found, key=lambda start: (start.cpu_s or inf, start.median_s or inf, start.stack))


def _starts(run: Run) -> Iterator[Start]:
    sizes: Mapping[str, Mapping[str, int]] = run.facts.get("image_sizes") or {}
    alone_s: Mapping[str, float] = run.facts.get("cold_start_alone_s") or {}
    samples = [outcome for outcome in run.outcomes if isinstance(outcome, Sample)]
    for stack in run.stacks:
        idle_bytes = stats.middle(one.idle_memory_bytes for one in samples if one.trial.stack == stack.name)
        size = sizes.get(stack.service, {})
        yield Start(
            stack=stack.name,
            image_mb=stats.per(size.get("bytes"), 1e6),
            own_mb=stats.per(size.get("own_bytes"), 1e6),
            alone_s=alone_s.get(stack.name),
            cold_start_s=tuple(b.cold_start_s[stack.name] for b in run.blocks if stack.name in b.cold_start_s),
            cpu_s=stats.middle(block.start_cpu_s.get(stack.name) for block in run.blocks),
            idle_mb=stats.per(idle_bytes, 1e6),
        )


def note(run: Run) -> Iterator[str]:
    """Yield sentences on what was measured, and how."""
    if run.facts.get("image_sizes"):
        yield "Images are unpacked; their own part is in layers that no other image of the run has."
    if together := run.facts.get("images_together_bytes"):
        yield f"With database and upstream all images take {together / 1e6:,.0f} MB together."
    yield "Cold start: from the order to start to the first healthy answer. Before the first block each server starts once, alone."
    yield _in_blocks(run)
    yield "Memory: right after that answer. MB are 10^6 bytes."


def _in_blocks(run: Run) -> str:
    servers = f"The {len(run.facts.get('arms', run.stacks))} servers of a block"
    if run.facts.get("starts_in_sequence"):
        return f"{servers} are started one after the other: each start has the server's CPUs for itself."
    return (
        f"{servers} were started together and shared the server's CPUs, so that their time depends on the company; "
        "the CPU time of a start does not."
    )
