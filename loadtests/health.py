"""The readiness answer."""

from lean import LeanUser


class Health(LeanUser):
    """Asks whether the stack is ready."""

    path = "/health"

    def check(self, body):
        return body["status"] == "ok"
