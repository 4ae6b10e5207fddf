"""Reading a file; `ms` simulates a slow (networked) file system."""

import zlib
from functools import cache

from client import FastUser


@cache
def checksum(kb):
    """Return the checksum of the server's file: numbered lines of 16 bytes."""
    return f"{zlib.crc32(b''.join(b'%015d%c' % (line, 10) for line in range(kb * 64))):08x}"


class Read(FastUser):
    """Has a file of `kb` kilobytes read and summed up."""

    abstract = True
    params = {"kb": 64, "ms": 0}
    holds = "slots"
    waits_ms = "ms"

    def check(self, body):
        kb = self.params["kb"]
        return body == {"size": kb * 1024, "crc32": checksum(kb)}


class Blocking(Read):
    """Read where the request is handled."""

    path = "/file/blocking"
    holds = "worker"


class Thread(Read):
    """Read on a thread."""

    path = "/file/thread"


class Async(Read):
    """Read through an asynchronous file library."""

    path = "/file/async"
