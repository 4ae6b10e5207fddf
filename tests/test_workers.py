"""Which process has which of the generator's connections."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from lab.host import workers
from lab.model.stack import Target

CHILD = """
import socket, sys
own = socket.socket(fileno=int(sys.argv[1]))
held = [own.accept()[0] for _ in range(3)]
print("accepted", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def connected(server: socket.socket, stack: ExitStack) -> int:
    """The port of a new client."""
    return int(stack.enter_context(socket.create_connection(server.getsockname())).getsockname()[1])


def test_each_connection_is_of_the_process_that_accepted_it(listening: socket.socket) -> None:
    with ExitStack() as stack:
        ours = [connected(listening, stack) for _ in range(2)]
        for _ in ours:
            stack.enter_context(listening.accept()[0])
        command = [sys.executable, "-c", CHILD, str(listening.fileno())]
        child = stack.enter_context(
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=[listening.fileno()]
            )
        )
        theirs = [connected(listening, stack) for _ in range(3)]
        assert child.stdout is not None
        assert child.stdout.readline() == "accepted\n"
        counted = workers.Workers(Target(pid=os.getpid(), contained=False), listening.getsockname()[1])
        counted.read_connections()
        counted.read()
        counted.read()
        counted.read_memory()
        found = counted.seen(1.0, {**dict.fromkeys(ours, 10), **dict.fromkeys(theirs, 1)})
        assert [one.completed for one in found] == [20, 3]
        assert all(one.cpu_s is not None and (one.memory_bytes or 0) > 1e6 for one in found)
        assert counted.seen(1.0, {1: 10}) == (), "of a connection that was opened later nobody knows the worker"


def test_connections_that_are_closed_are_not_read(listening: socket.socket) -> None:
    """A load of new connections leaves tens of thousands of them in TIME_WAIT: to read all takes longer than a window."""
    for _ in range(100):
        with closing(socket.create_connection(listening.getsockname())), closing(listening.accept()[0]):
            pass
    port = listening.getsockname()[1]
    assert f":{port:04X} 0100007F" in Path("/proc/net/tcp").read_text()
    assert workers._inodes(port) == {}
