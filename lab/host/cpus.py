"""Read and write lists of CPUs in the form of the kernel and of Compose."""

import contextlib
import os
from collections.abc import Iterable, Iterator

from lab.errors import LabError


def cpu_list(cpus: Iterable[int]) -> str:
    """Return `0,2,3`, the form of Compose's cpuset."""
    return ",".join(map(str, sorted(cpus)))


def parse_cpus(text: str) -> tuple[int, ...]:
    """Return (0, 2, 3, 4) for `0,2-4`.

    Raises:
        LabError: the text is no such list.
    """
    try:
        spans = [tuple(map(int, part.split("-"))) for part in text.split(",")]
        return tuple(sorted({cpu for span in spans for cpu in range(span[0], span[-1] + 1)}))
    except ValueError:
        raise LabError(f"{text!r} is no list of CPUs: write it like 0,2-4.") from None


@contextlib.contextmanager
def running_on(cpus: Iterable[int]) -> Iterator[None]:
    """Keep this thread, and what it starts, on these CPUs inside the block; with none, on those that it had."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, tuple(cpus) or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
