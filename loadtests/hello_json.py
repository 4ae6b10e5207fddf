"""The framework's baseline: a constant answer."""

from lean import LeanUser


class Json(LeanUser):
    """Asks for the constant JSON greeting."""

    path = "/json"

    def check(self, body):
        return body == {"message": "Hello, World!"}
