"""How many of a server's serving processes were replaced in a window: looked at now and then, since nothing counts them.

A limit of requests per worker (Gunicorn's `--max-requests`) replaces them under load, and so does a worker that dies.
"""

import time
from contextlib import suppress
from pathlib import Path

from lab.host.processes import TICKS_PER_S, Accounts, Process, accounts, members
from lab.model.stack import Target

LASTS_S = 0.2
"""Age from which a process counts: helpers of a request come and go faster."""
_STREAMS = ("0", "1", "2")


class Turnover:
    """The processes of one server as several looks find them."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._looks: list[frozenset[Process]] = []
        self._lasting: set[Process] = set()
        self._new: set[Process] = set()
        """Those that serve and were not there at the first look."""
        self._is_known = True
        self.accounts: list[Accounts] = []
        """What each process of a tree had used at each look; none of a control group, which counts for all."""

    def look(self) -> None:
        """Note which processes there are; takes some 0.3 ms."""
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
        """Return how many processes ended and were replaced, at least; None where a look failed.

        Each replacement is one that ended and one that came. What lived and ended between two looks was not seen.
        """
        if not self._is_known or len(self._looks) < 2:
            return None
        return min(len(self._lasting - self._looks[-1]), len(self._new))


def _serves(pid: int) -> bool:
    """Return whether a process has a socket beside its standard streams, as a helper that was started by exec has not.

    True where this may not be read: processes of other users.
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
