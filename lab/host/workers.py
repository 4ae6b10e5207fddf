"""What each worker of a server did in a window: its CPU time, its memory, and which of the generator's connections it has."""

import socket
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.host import processes, readings
from lab.model.outcome import Worker
from lab.model.stack import Target

_SOCK_DIAG, _BY_FAMILY, _DUMP, _ERROR, _DONE, _ESTABLISHED = 4, 20, 0x301, 2, 3, 1
"""Numbers of linux/netlink.h, linux/sock_diag.h and net/tcp_states.h; a request (1) for a dump (0x300)."""
_HEAD = "=IHHII"
_PORTS_AT, _INODE_AT = 20, 84
"""Bytes before the ports and the inode of an inet_diag_msg, with the head."""
_PAGE = 1 << 16


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
        inodes = {}
        with suppress(OSError):
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


def _inodes(port: int) -> dict[int, int]:
    """Return inode -> port of the client, of the established IPv4 connections to a port of this machine (sock_diag(7)).

    The kernel leaves out what is closed already: /proc/net/tcp also lists the tens of thousands that a load of new connections
    leaves in TIME_WAIT, and reading it takes longer than a window. Pyroute2 needs 0.1 ms for each, which is too much for the
    pools and users of a run shortly before a window.

    Raises:
        OSError: this kernel does not say.
    """
    body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 1 << _ESTABLISHED) + struct.pack(
        "!H46x", port
    )
    head = struct.pack(_HEAD, struct.calcsize(_HEAD) + len(body), _BY_FAMILY, _DUMP, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as asked:
        asked.settimeout(1)
        asked.send(head + body)
        return {inode: client for own, client, inode in _answers(asked) if own == port}


def _answers(asked: socket.socket) -> Iterator[tuple[int, int, int]]:
    """Yield own port, the other's port and inode of each connection."""
    while True:
        data = asked.recv(_PAGE)
        while data:
            size, kind, *_ = struct.unpack_from(_HEAD, data)
            if kind == _DONE:
                return
            if kind == _ERROR:
                raise OSError(-struct.unpack_from("=i", data, struct.calcsize(_HEAD))[0], "sock_diag")
            own, other = struct.unpack_from("!HH", data, _PORTS_AT)
            yield own, other, struct.unpack_from("=I", data, _INODE_AT)[0]
            data = data[size + 3 & ~3 :]


def _sockets(pid: int) -> list[int]:
    """Return the inodes of a process's sockets."""
    found = []
    with suppress(OSError):
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                name = str(file.readlink())
                if name.startswith("socket:["):
                    found.append(int(name[len("socket:[") : -1]))
    return found
