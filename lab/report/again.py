"""`report`: derive a run's files again from its originals."""

import sys
from pathlib import Path

from lab.errors import Exit
from lab.paths import MICRO, RESULTS
from lab.run import store


def report(run: str) -> Exit:
    """Write summary, comparisons and reports of the run of that name again, or of its micro benchmarks; print where they are.

    Damage is named last, and makes the exit status 1.

    Raises:
        LabError: there is no such run, or its run.json cannot be read.
    """
    folder = store.folder(RESULTS, run)
    if not folder.exists and (folder.path / MICRO).exists():
        return _micro(folder.path)
    folder.read_run()  # a run that is not there is refused before Altair, which takes seconds to import
    from lab.report.view import view_of
    from lab.report.write import write_report

    shown = view_of(folder.path)
    for path in write_report(shown):
        print(path)  # noqa: T201  # the answer
    for sentence in shown.run.damaged:
        print(f"lab: {sentence}", file=sys.stderr)  # noqa: T201
    return Exit.NOT_ALL_MEASURED if shown.run.damaged else Exit.DONE


def _micro(folder: Path) -> Exit:
    from lab.report import ladder

    for path in ladder.write(folder):
        print(path)  # noqa: T201  # the answer
    return Exit.DONE
