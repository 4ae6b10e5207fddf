"""The readiness answer."""

from client import FastUser


class Health(FastUser):
    """Asks whether the stack is ready."""

    path = "/health"

    def check(self, body):
        return body["status"] == "ok"
