"""Count how many of a server's serving processes were replaced in a window, by repeated looks, as nothing counts them.

A limit of requests per worker (Gunicorn's `--max-requests`) replaces them under load, and so does a worker that dies.
"""

import time
from contextlib import suppress
from pathlib import Path

from lab.host.processes import TICKS_PER_S, Accounts, Process, accounts, members
from lab.model.stack import Target

LASTS_S = 0.2
"""Age from which a process counts: helpers of a request end sooner."""
_STREAMS = ("0", "1", "2")


class Turnover:
    """The processes of one server, as found by several looks."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._looks: list[frozenset[Process]] = []
        self._lasting: set[Process] = set()
        self._new: set[Process] = set()
        """Serving processes that were not there at the first look."""
        self._is_known = True
        self.accounts: list[Accounts] = []
        """CPU time of each process of a tree at each look; empty for a control group, which counts for all."""

    def look(self) -> None:
        """Record which processes there are; takes about 0.3 ms."""
        found = self._found()
        if found is None:
            self._is_known = False
            return
        self._looks.append(found)
        now = time.clock_gettime(time.CLOCK_BOOTTIME) * TICKS_PER_S
        lasting = {process for process in found if now - process.started >= LASTS_S * TICKS_PER_S}
        self._new |= {process for process in lasting - self._lasting - self._looks[0] if _serves(process.pid)}
        self._lasting |= lasting

    def _found(self) -> frozenset[Process] | None:
        if self._target.contained:
            return members(self._target.pid)
        if (known := accounts(self._target.pid)) is None:
            return None
        self.accounts.append(known)
        return frozenset(known)

    def replaced(self) -> int | None:
        """Return the least number of processes that were replaced; None if a look failed.

        A replacement is one process that ended and one that came. A process that began and ended between two looks is missed.
        """
        if not self._is_known or len(self._looks) < 2:
            return None
        return min(len(self._lasting - self._looks[-1]), len(self._new))


def _serves(pid: int) -> bool:
    """Return whether a process has a socket beside its standard streams; a helper that was started by exec has none.

    Return True for processes of other users, where this may not be read.
    """
    try:
        files = [file for file in Path(f"/proc/{pid}/fd").iterdir() if file.name not in _STREAMS]
    except PermissionError:
        return True
    except (FileNotFoundError, ProcessLookupError):
        return False
    return any(map(_is_socket, files))


def _is_socket(file: Path) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return str(file.readlink()).startswith("socket:")
    return False
