"""One request of the contract, and what must come back."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One request and what must come back: `answer` (or `events`) for 200, an error with a reason for any other status."""

    path: str
    query: str = ""
    body: bytes | None = None
    """Sent by POST; None is a GET."""
    status: int = 200
    answer: object = None
    kinds: Mapping[str, tuple[type, ...]] | None = None
    """Instead of one answer: an object with exactly these keys, each with a value of one of these kinds."""
    events: tuple[object, ...] | None = None
    """Server-sent events instead of one answer: the JSON of each, without the [DONE] at the end."""
    also: tuple[int, ...] = ()
    """Other statuses that are as right, with any body."""
    pieces: bool = False
    """The body is sent in pieces (chunked) instead of with its length."""
    absent: bool = False
    """The stack must not have the path: 404 or 501, with any body."""
    at_least_s: float = 0.0
    under_s: float | None = None

    def __str__(self) -> str:
        body = "" if self.body is None else f" {self.body[:60]!r}"
        return f"{self.method} {self.target[:200]}{body}{' in pieces' if self.pieces else ''}"

    @property
    def method(self) -> str:
        """Return POST where there is a body, else GET."""
        return "GET" if self.body is None else "POST"

    @property
    def target(self) -> str:
        """Return path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path
