"""The mistake: work that blocks in a coroutine. Whatever shares its event loop waits too."""

from lean import LeanUser


class BlockingWait(LeanUser):
    """Asks for a blocking sleep of `ms` milliseconds inside a coroutine."""

    path = "/hazard/blocking-wait"
    params = {"ms": 50}

    def check(self, body):
        return body["waited_ms"] == self.params["ms"]
