"""The framework baseline over cleartext HTTP/2 (prior knowledge), one request at a time on each connection."""

from client.framed import H2User


class Json(H2User):
    """Asks for `/json` by HTTP/2."""

    path = "/h2/json"

    def check(self, body):
        return body == {"message": "Hello, World!"}
