"""`report`: derives a run's files again from its originals."""

from lab import store
from lab.errors import Exit
from lab.project import RESULTS


def report(run: str) -> Exit:
    """Writes summary, comparisons and reports of the run of that name anew, and prints where they are.

    Raises:
        LabError: there is no such run, or its originals cannot be read.
    """
    folder = store.folder(RESULTS, run)
    folder.read_run()
    from lab.report.write import write_report  # late, after a wrong name: scipy and Altair take seconds to import

    for path in write_report(folder.path):
        print(path)  # noqa: T201  # the answer
    return Exit.DONE
