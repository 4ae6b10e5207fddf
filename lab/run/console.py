"""Print text to a terminal as it is: a `[/health]` or a `:warning:` in a message is part of the message."""

from typing import IO

from rich.console import Console


def console(*, file: IO[str] | None = None, stderr: bool = False, width: int | None = None) -> Console:
    """Return a console that never parses text as markup, emoji codes or something to highlight.

    Args:
        file: where to print; None means standard output, or standard error with `stderr`.
        width: in columns; None means the terminal's.
    """
    return Console(file=file, stderr=stderr, width=width, markup=False, emoji=False, highlight=False)
