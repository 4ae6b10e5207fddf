"""`history`: list all runs with the ratio that the most of them share, and write the page of all runs."""

import sys

from lab.errors import Exit
from lab.paths import RESULTS

_PIPED = 10_000
"""Columns if the output is not a terminal: a program reads it, or searches it."""


def history(*, as_json: bool) -> Exit:
    """Print a line for each run, the newest first, and the path of the page; or the same as JSON, without the path."""
    from lab.report import overview, pair, runs  # late: numpy takes a while to import
    from lab.run.console import console

    found = runs.found(RESULTS)
    told = pair.headline(run.ratios for run in found)
    if as_json:
        print(overview.as_json(found, told))  # noqa: T201  # the answer
    for line in () if as_json else overview.lines(found, told):
        console(width=None if sys.stdout.isatty() else _PIPED).print(line)
    from lab.report import index  # late: Altair takes a second to import, and the answer is there

    page = index.write(RESULTS, found, told)
    if not as_json:
        print(page)  # noqa: T201  # the answer
    return Exit.DONE
