"""The findings as people read them."""

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from lab.calibrate.result import Finding

WIDTH = 160
"""Letters of a line where nobody sees it on a terminal, so that a row stays one line in a file."""
MARKS = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}


def print_findings(findings: Iterable[Finding], console: Console | None = None) -> None:
    """One row for each figure, on standard output."""
    table = Table(title="Calibration of this machine", title_justify="left", box=None, pad_edge=False)
    for heading in ("part", "figure", "value", "goal", ""):
        table.add_column(heading)
    for one in findings:
        table.add_row(one.part, one.figure, one.value, one.goal, MARKS[one.met])
    (console or Console(width=None if sys.stdout.isatty() else WIDTH)).print(table)
