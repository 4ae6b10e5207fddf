"""A wait and then CPU work: the common case between the extremes."""

from client import FastUser


class Mixed(FastUser):
    """Asks the server to wait `ms` milliseconds and then to compute for `rounds` rounds."""

    path = "/mixed"
    params = {"ms": 5, "rounds": None}
    waits_ms = "ms"

    def check(self, body):
        rounds = self.params["rounds"] or 14_000
        return (body["waited_ms"], body["rounds"], len(body["digest"])) == (self.params["ms"], rounds, 8)
