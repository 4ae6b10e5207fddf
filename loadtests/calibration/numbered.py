"""Requests that say their number, for `make calibrate`: the server's log then tells when each was answered."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from client import FastUser


class Numbered(FastUser):
    """Asks for /0000000000, /0000000001, …; the driver's probe before the load takes number 0."""

    path = "/"
    numbers = 65_536

    @classmethod
    def requests(cls):
        """Yield as many requests as one trial can need."""
        host = f"Host: {cls.address[0]}:{cls.address[1]}\r\n"
        for number in range(cls.numbers):
            yield f"GET /{number:010d} HTTP/1.1\r\n{host}\r\n".encode()

    def check(self, body):
        return body == {"message": "Hello, World!"}
