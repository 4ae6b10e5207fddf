"""A pure wait, in the stack's natural way."""

from client import FastUser


class Wait(FastUser):
    """Asks the server to wait `ms` milliseconds."""

    path = "/wait"
    params = {"ms": 50}
    waits_ms = "ms"

    def check(self, body):
        return body["waited_ms"] == self.params["ms"]
