"""Long CPU work: a digest in pure Python, about a millisecond by default, in three places."""

from functools import cache

from client import FastUser


@cache
def digest(rounds):
    """Return the expected digest, cached; it is computed at the first answer, before any load."""
    state = 1
    for step in range(rounds):
        state = (state * 48_271 + step) % 2_147_483_647
    return f"{state:08x}"


class Crunch(FastUser):
    """Asks for a digest of `rounds` rounds."""

    abstract = True
    params = {"rounds": None}

    def check(self, body):
        rounds = self.params["rounds"] or 14_000
        return body == {"rounds": rounds, "digest": digest(rounds)}


class Inline(Crunch):
    """Has it computed where the request is handled: on the loop, where there is one."""

    path = "/crunch/inline"


class Thread(Crunch):
    """Has it computed on a thread."""

    path = "/crunch/thread"


class Process(Crunch):
    """Has it computed on a process pool."""

    path = "/crunch/process"
