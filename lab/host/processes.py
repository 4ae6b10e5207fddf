"""Read the processes of a tree, and the CPU time of them and their ended children, from /proc (proc_pid_stat(5)).

Only the kernel's own lists of children are read: a walk through all of /proc would load the generator's core.
"""

import os
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lab.host import cgroups
from lab.model.stack import Target

_PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_STEPS_S = 2 / TICKS_PER_S
"""Largest error of user and system time of ended children together, as each is cut to a whole tick."""
_TRIES = 3
UNSURE = 0.01
"""Share of the CPU time that may be uncertain before all of it counts as not known."""


class Process(NamedTuple):
    """One process for as long as it lives: the kernel reuses a pid, but not a pid with its start time."""

    pid: int
    started: int
    """Clock ticks since boot."""


@dataclass(frozen=True)
class Account:
    """The CPU time that one process has used so far."""

    parent: int
    own_s: float
    """CPU time of all its threads, ended ones included (clock_getcpuclockid(3))."""
    reaped_s: float = 0.0
    """CPU time of the children that it has waited for, and of those that they had waited for; counted in ticks."""


Accounts = Mapping[Process, Account]


def pids_of(target: Target) -> list[int]:
    """Return the processes of a control group, or of a tree with parents first.

    Raises:
        OSError: they may not be read, or this kernel keeps no lists of children.
        KeyError: the process is in no control group.
    """
    return _grouped(target.pid) if target.contained else tree(target.pid)


def _grouped(pid: int) -> list[int]:
    """List the processes of the control group that a process is in."""
    listed = cgroups.folder(pid, "pids") / "cgroup.procs"
    return [int(line) for line in listed.read_text().split()]


def tree(pid: int) -> list[int]:
    """Return a process and its descendants, parents first.

    Raises:
        OSError: this kernel keeps no lists of children (CONFIG_PROC_CHILDREN), or they may not be read.
    """
    children = [child for task in tasks(pid) for child in _children_of_task(task)]
    return [pid, *(descendant for child in children for descendant in tree(int(child)))]


def accounts(root: int) -> Accounts | None:
    """Return the account of a process and of each descendant; None where one of them cannot be known.

    A parent is read before its children: a child that can still be read was not waited for when its parent was read.
    """
    for _ in range(_TRIES):  # another try where a process has ended since it was listed
        with suppress(OSError):
            return dict(map(_account, tree(root)))
    return None


def members(pid: int) -> frozenset[Process] | None:
    """Return the living processes of the control group that a process is in; None where they may not be read."""
    found = set()
    try:
        for member in _grouped(pid):
            with suppress(FileNotFoundError, ProcessLookupError):
                found.add(Process(member, _stat(member)[1]))
    except (OSError, KeyError):
        return None
    return frozenset(found)


def has_ended(pid: int) -> bool:
    """Return whether a process is gone, or waits as a zombie for its parent to ask how it ended."""
    try:
        return _stat(pid)[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def used_s(before: Accounts, after: Accounts, between: Sequence[Accounts] = ()) -> float | None:
    """Return the CPU seconds between two readings of a tree, ended processes included; None if some are not known.

    The CPU time of an ended process goes to the process that waited for it. It is lost if nobody waited (SIGCHLD ignored) or
    if a process outside of the tree did. A child of such a parent that began and ended between two readings leaves no trace:
    further readings `between` find it.
    """
    owed_s: dict[Process, float] = defaultdict(float)
    for process in before.keys() - after.keys():
        heir = _heir(process, before, after)
        if heir is None:
            return None
        owed_s[heir] += before[process].own_s + before[process].reaped_s
    for heir, least_s in owed_s.items():
        came_s = after[heir].reaped_s - before[heir].reaped_s
        if came_s <= 0 or came_s < least_s - _STEPS_S:
            return None
    used = total_s(after) - total_s(before)
    return used if used >= 0 and _orphaned_s([before, *between, after]) <= UNSURE * used else None


def _orphaned_s(readings: Sequence[Accounts]) -> float:
    """Return the CPU seconds of processes that ended with their parent: they may be lost, if it had not waited for them."""
    orphaned_s: dict[Process, float] = {}
    for accounts in readings:
        living = {process.pid for process in accounts if process in readings[-1]}
        for process, account in accounts.items():
            if process not in readings[-1] and account.parent not in living:
                orphaned_s[process] = account.own_s + account.reaped_s
    return sum(orphaned_s.values())


def total_s(accounts: Accounts) -> float:
    """Return the CPU seconds of a tree since its start."""
    return sum(account.own_s + account.reaped_s for account in accounts.values())


def _heir(process: Process, before: Accounts, after: Accounts) -> Process | None:
    """Return the nearest ancestor that still runs; None if the tree has none."""
    by_pid = {known.pid: known for known in before}
    found: Process | None = process
    while found is not None and found not in after:
        found = by_pid.get(before[found].parent)
    return found


def _account(pid: int) -> tuple[Process, Account]:
    _, started, parent, reaped_s = _stat(pid)
    return Process(pid, started), Account(parent, own_s(pid), reaped_s)


def own_s(pid: int) -> float:
    """Return the CPU time of a process and all its threads, ended ones included, to a nanosecond.

    The number of its clock is made as clock_getcpuclockid(3) makes it, which Python has for threads alone.

    Raises:
        OSError: there is no such process.
    """
    return time.clock_gettime((~pid << 3) | 2)


def _stat(pid: int) -> tuple[str, int, int, float]:
    """Read state, start, parent, and CPU time of ended children."""
    fields = _text(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    return fields[0], int(fields[19]), int(fields[1]), (int(fields[13]) + int(fields[14])) / TICKS_PER_S


def tasks(pid: int) -> list[Path]:
    """Return the folders of a process's threads; none where it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return list((_PROC / str(pid) / "task").iterdir())
    return []


def _children_of_task(task: Path) -> list[str]:
    try:
        return _text(task / "children").split()
    except (FileNotFoundError, ProcessLookupError):
        if task.exists():  # not the thread is missing, but the kernel's list
            raise
        return []


def _text(path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        return file.read().decode()
