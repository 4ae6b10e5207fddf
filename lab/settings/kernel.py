"""Settings as the kernel has them: the listening socket, and the processes behind it."""

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from pyroute2 import DiagSocket

from lab.model.stack import Target

_LISTENING = 10
"""TCP_LISTEN, of the kernel's tcp_states.h."""

Reading = int | str | None


def seen(target: Target, port: int) -> dict[str, int | str]:
    """Return what the kernel says of the server on `port`; what this user may not read is left out."""
    readings: dict[str, Callable[[], Reading]] = {
        "workers": lambda: len(_workers(target, port)) or None,
        "backlog": lambda: backlog(port),
        "processes": lambda: len(_tree(target)),
        "threads": lambda: sum(process.num_threads() for process in _tree(target)),
        "nofile": lambda: _open_files(_worker(target, port).pid),
        "cpus": lambda: ", ".join(map(str, _worker(target, port).cpu_affinity())),
    }
    found = {name: _readable(reading) for name, reading in readings.items()}
    return {name: value for name, value in found.items() if value is not None}


def backlog(port: int) -> int | None:
    """Return how many connections may wait to be accepted on `port`, after the kernel's limit; None: nothing listens there."""
    with DiagSocket() as diagnosis:
        diagnosis.bind()
        listening = diagnosis.get_sock_stats(family=socket.AF_INET, states=1 << _LISTENING)
    return min((int(one["idiag_wqueue"]) for one in listening if one["idiag_sport"] == port), default=None)


def _open_files(pid: int) -> int:
    """Return the limit in force; prlimit(2), which psutil asks, tells it to the owner only."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return int(next(line.split()[3] for line in lines if line.startswith("Max open files")))


def _readable(reading: Callable[[], Reading]) -> Reading:
    try:
        return reading()
    except (psutil.Error, OSError):
        return None


def _tree(target: Target) -> list[psutil.Process]:
    first = psutil.Process(target.pid)
    return [first, *first.children(recursive=True)]


def _workers(target: Target, port: int) -> Sequence[psutil.Process]:
    """Return the processes that accept connections: those that hold the listening socket and gave it to no child."""
    holders = [process for process in _tree(target) if _listens(process, port)]
    parents = {process.ppid() for process in holders}
    return [process for process in holders if process.pid not in parents]


def _worker(target: Target, port: int) -> psutil.Process:
    return next(iter(_workers(target, port)), psutil.Process(target.pid))


def _listens(process: psutil.Process, port: int) -> bool:
    sockets = process.net_connections(kind="tcp4")
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in sockets)
