"""What each worker of a server did in a window: its CPU time, its memory, and which of the generator's connections it has."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.host import processes, readings
from lab.model.outcome import Worker
from lab.model.stack import Target

_ESTABLISHED = "01"
_LOCAL = "0100007F"


@dataclass(frozen=True)
class _Read:
    """Running totals of a process at one moment."""

    at_s: float
    cpu_s: Mapping[int, float]
    """Process -> CPU time."""


class Workers:
    """The processes of one server that hold connections of its port, or use CPU time beside those that do."""

    def __init__(self, target: Target, port: int) -> None:
        self._target, self._port = target, port
        self._reads: list[_Read] = []
        self._ports: dict[int, int] = {}
        self._memory: dict[int, int | None] = {}

    def read_connections(self) -> None:
        """Read which process has which of the client's ports; called before the window, since clients close soon after it."""
        inodes = _inodes(self._port)
        for pid in self._pids():
            self._ports |= {inodes[inode]: pid for inode in _sockets(pid) if inode in inodes}

    def read(self) -> None:
        """Read the CPU time of each process; takes about 0.1 ms for each."""
        found = {}
        for pid in self._pids():
            with suppress(OSError):
                found[pid] = processes.own_s(pid)
        self._reads.append(_Read(time.monotonic(), found))

    def read_memory(self) -> None:
        """Read the memory of each process that has a connection."""
        for pid in {*self._ports.values()}:
            self._memory[pid] = readings.memory_bytes(Target(pid=pid, contained=False))

    def _pids(self) -> list[int]:
        with suppress(OSError, KeyError):
            return processes.pids_of(self._target)
        return []

    def seen(self, window_s: float, completed: Mapping[int, int]) -> tuple[Worker, ...]:
        """Return what each worker did, the busiest first; none where it cannot be told which process has a connection.

        Args:
            completed: port of the generator -> correct responses in the window.
        """
        before, after = self._reads
        served: dict[int, int] = {}
        for port, count in completed.items():
            if port not in self._ports:
                return ()
            served[self._ports[port]] = served.get(self._ports[port], 0) + count
        scale = window_s / (after.at_s - before.at_s)
        return tuple(
            Worker(
                completed=count,
                cpu_s=(after.cpu_s[pid] - before.cpu_s[pid]) * scale
                if pid in before.cpu_s.keys() & after.cpu_s
                else None,
                memory_bytes=self._memory.get(pid),
            )
            for pid, count in sorted(served.items(), key=lambda item: -item[1])
        )


def _inodes(port: int) -> dict[str, int]:
    """Return inode -> port of the client, of the established connections to a port of this machine."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    own = f"{_LOCAL}:{port:04X}"
    return {
        words[9]: int(words[2].partition(":")[2], 16) for words in lines if words[1] == own and words[3] == _ESTABLISHED
    }


def _sockets(pid: int) -> list[str]:
    """Return the inodes of a process's sockets."""
    found = []
    with suppress(OSError):
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                name = str(file.readlink())
                if name.startswith("socket:["):
                    found.append(name[len("socket:[") : -1])
    return found
