"""The framework's baseline: a constant answer."""

from client import FastUser


class Json(FastUser):
    """Asks for the constant JSON greeting."""

    path = "/json"

    def check(self, body):
        return body == {"message": "Hello, World!"}
