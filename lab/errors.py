"""The one exception that a person sees, and the exit statuses of the commands."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses of every command (`make` turns any failure into 2 of its own)."""

    DONE = 0
    NOT_ALL_MEASURED = 1
    COULD_NOT_START = 2


class LabError(Exception):
    """An error that a person can fix: says what, where and what to do in one or two sentences; shown without a traceback."""
