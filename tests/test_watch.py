"""A process that is watched while it ends."""

import subprocess
import sys
import time

import pytest

from lab import watch
from lab.errors import LabError
from lab.nouns import Target


def test_a_process_that_has_ended_is_not_read_although_its_parent_has_not_asked_for_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        target = Target(pid=process.pid, contained=False)
        assert watch.read(target).threads == 1
        process.kill()
        deadline = time.monotonic() + 5
        with pytest.raises(LabError, match=f"Process {process.pid} ended"):
            while time.monotonic() < deadline:
                watch.read(target)
