"""Echo over a WebSocket: each user keeps one open and sends its next message when the last one is back."""

from client.echo import EchoUser


class Ws(EchoUser):
    """Sends a short text and takes it back."""

    path = "/ws"
    body = {"message": "Hello, World!"}

    def check(self, body):
        return body == self.body
