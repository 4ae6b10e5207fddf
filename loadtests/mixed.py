"""A wait and then CPU work: the common case between the extremes."""

from lean import LeanUser


class Mixed(LeanUser):
    """Asks the server to wait `ms` milliseconds and then to compute for `rounds` rounds."""

    path = "/mixed"
    params = {"ms": 5, "rounds": None}

    def check(self, body):
        return body["waited_ms"] == self.params["ms"] and len(body["digest"]) == 8
