"""`report`: derive a run's files again from its originals."""

import sys

from lab.errors import Exit
from lab.paths import RESULTS
from lab.run import store


def report(run: str) -> Exit:
    """Write summary, comparisons and reports of the run of that name again, and print where they are.

    Damage is named last, and makes the exit status 1.

    Raises:
        LabError: there is no such run, or its run.json cannot be read.
    """
    folder = store.folder(RESULTS, run)
    folder.read_run()  # a run that is not there is refused before Altair, which takes seconds to import
    from lab.report.view import view_of
    from lab.report.write import write_report

    shown = view_of(folder.path)
    for path in write_report(shown):
        print(path)  # noqa: T201  # the answer
    for sentence in shown.run.damaged:
        print(f"lab: {sentence}", file=sys.stderr)  # noqa: T201
    return Exit.NOT_ALL_MEASURED if shown.run.damaged else Exit.DONE
