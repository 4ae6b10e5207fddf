"""`pack`: write a run into one file that somebody else can read."""

import sys

from lab.errors import Exit
from lab.paths import RESULTS
from lab.report import packing


def pack(run: str) -> Exit:
    """Print the file that holds a run and its report, and say what was replaced in it.

    Damage of the run is named last, and makes the exit status 1.

    Args:
        run: its name, `latest` or `reference/<name>`.

    Raises:
        LabError: there is no such run, its run.json cannot be read, or it is too large.
    """
    packed = packing.pack(RESULTS, run)
    print(packed.file)  # noqa: T201  # the answer
    if packed.replaced:
        counts = ", ".join(f"{count} in {name}" for name, count in packed.replaced.items())
        _say(f"Texts that named paths, users or hosts have placeholders in the pack: {counts}.")
    for sentence in packed.damaged:
        _say(sentence)
    return Exit.NOT_ALL_MEASURED if packed.damaged else Exit.DONE


def _say(sentence: str) -> None:
    print(f"lab: {sentence}", file=sys.stderr)  # noqa: T201
