"""`micro`: what calls, coroutines, tasks and threads cost, and what a naive benchmark of them says."""

import contextlib

from lab.config.project import Project
from lab.errors import Exit, LabError
from lab.paths import RESULTS, ROOT, STATE
from lab.run import store
from lab.run.progress import Reporter
from lab.runtime import auto
from lab.signals import interruptible


def micro(runtime_name: str, run: str) -> Exit:
    """Measure into a new folder of results/, print the answer and where the page is.

    Args:
        run: name of the folder; empty makes a new one.

    Raises:
        LabError: the folder exists, or nothing could be measured.
    """
    project = Project.here()
    folder = store.writable(RESULTS, run or store.new_name("micro")).path
    if folder.exists():
        raise LabError(f"The run {folder.name} is there and is never overwritten: choose another RUN name.")
    with contextlib.closing(auto.runtime(project, runtime_name)) as runtime:
        from lab.report import ladder  # late: scipy and Altair take seconds to import
        from lab.run import scripts

        with Reporter() as say, store.only_one(STATE), interruptible():
            found = scripts.measure(project.services, runtime, folder, say, scripts.USUAL)
        page, *_ = ladder.write(folder)
        say.answer(ladder.answer(found))
        say.step(f"Report: {page.relative_to(ROOT)}")
    return Exit.DONE
