"""Long CPU work: a digest in pure Python, about a millisecond by default, in three places."""

from lean import LeanUser


class Crunch(LeanUser):
    """Asks for a digest of `rounds` rounds."""

    abstract = True
    params = {"rounds": None}

    def check(self, body):
        wanted = self.params["rounds"] or body["rounds"]
        return body["rounds"] == wanted > 0 and int(body["digest"], 16) > 0 and len(body["digest"]) == 8


class Inline(Crunch):
    """Has it computed where the request is handled: on the loop, where there is one."""

    path = "/crunch/inline"


class Thread(Crunch):
    """Has it computed on a thread."""

    path = "/crunch/thread"


class Process(Crunch):
    """Has it computed on a process pool."""

    path = "/crunch/process"
