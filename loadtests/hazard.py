"""The mistake: work that blocks in a coroutine. Whatever shares its event loop waits too."""

from client import FastUser


class BlockingWait(FastUser):
    """Asks for a blocking sleep of `ms` milliseconds inside a coroutine."""

    path = "/hazard/blocking-wait"
    params = {"ms": 50}
    holds = "worker"
    waits_ms = "ms"

    def check(self, body):
        return body["waited_ms"] == self.params["ms"]
