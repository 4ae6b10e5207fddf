"""`report`: derive a run's files again from its originals."""

import sys
from dataclasses import dataclass
from pathlib import Path

from lab.errors import Exit
from lab.paths import MICRO, RESULTS
from lab.run import packs
from lab.run.store import RunFolder


@dataclass(frozen=True)
class Derived:
    """The files that were written, and sentences on what of the originals is left out."""

    paths: list[Path]
    damaged: tuple[str, ...] = ()


def report(run: str) -> Exit:
    """Derive summary, comparisons and reports of a run, or of micro benchmarks, again; print where they are.

    Damage is named last, and makes the exit status 1.

    Args:
        run: its name, `latest`, `reference/<name>`, or the path of a pack, whose files are written where it is unpacked.

    Raises:
        LabError: there is no such run, its run.json cannot be read, or the pack is refused.
    """
    derived = derive(packs.readable(RESULTS, run))
    for path in derived.paths:
        print(path)  # noqa: T201  # the answer
    for sentence in derived.damaged:
        print(f"lab: {sentence}", file=sys.stderr)  # noqa: T201
    return Exit.NOT_ALL_MEASURED if derived.damaged else Exit.DONE


def derive(folder: RunFolder) -> Derived:
    """Write what follows from the originals in a folder; the same errors as `report`."""
    if is_micro(folder):
        from lab.report import ladder

        return Derived(list(ladder.write(folder.path)))
    folder.read_run()  # a run that is not there is refused before Altair, which takes seconds to import
    from lab.report.view import view_of
    from lab.report.write import write_report

    shown = view_of(folder.path)
    return Derived(write_report(shown), shown.run.damaged)


def is_micro(folder: RunFolder) -> bool:
    """Return whether a folder has micro benchmarks and no run."""
    return not folder.exists and (folder.path / MICRO).exists()
