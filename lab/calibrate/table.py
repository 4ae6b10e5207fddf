"""Print the findings as a table."""

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.calibrate.result import Finding
from lab.run.console import console as plain_console

WIDTH = 160
"""Characters of a line if the output is not a terminal, so that a row stays one line in a file."""
MARKS = {True: Text("met", "green"), False: Text("missed", "red"), None: Text()}


def print_findings(findings: Iterable[Finding], console: Console | None = None) -> None:
    """Print one row for each figure on standard output."""
    table = Table(title="Calibration of this machine", title_justify="left", box=None, pad_edge=False)
    for heading in ("part", "figure", "value", "goal", ""):
        table.add_column(heading)
    for one in findings:
        table.add_row(*map(Text, (one.part, one.figure, one.value, one.goal)), MARKS[one.met])
    (console or plain_console(width=None if sys.stdout.isatty() else WIDTH)).print(table)
