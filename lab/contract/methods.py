"""Check that a stack answers methods that a path does not have as the contract says."""

from collections.abc import Container, Iterator
from http.client import HTTPConnection, HTTPException

from lab.contract.ask import Finding, opened
from lab.model.stack import Stack

_NOT_SERVED = (404, 405)
ASKED: tuple[tuple[str, str, Container[int], str], ...] = (
    ("/json", "POST", _NOT_SERVED, " instead of 405 or 404"),
    ("/json", "DELETE", _NOT_SERVED, " instead of 405 or 404"),
    ("/parse/plain", "GET", _NOT_SERVED, " instead of 405 or 404"),
    ("/no-such-path", "PUT", _NOT_SERVED, " instead of 405 or 404"),
    ("/json", "TRACE", range(400, 600), ", but it must be refused"),
    ("/json", "OPTIONS", range(500), ""),
    ("/no-such-path", "HEAD", range(500), ""),
)
"""Path, method, the statuses that are right, and what is said of others. 405 has `Allow`; TRACE is often refused by the
server itself, in its own words. What follows on the connection shows that HEAD sent no body."""


def methods(address: str, stack: Stack) -> list[Finding]:
    """Ask on one connection, so that an answer that goes on too long is seen by the next."""
    with opened(address) as connection:
        return [
            Finding(path, f"{method} {path}: {said}")
            for path, method, right, otherwise in ASKED
            if stack.why_omitted(path) is None
            for said in _judged(connection, method, path, right, otherwise)
        ]


def _judged(connection: HTTPConnection, method: str, path: str, right: Container[int], otherwise: str) -> Iterator[str]:
    try:
        connection.request(method, path)
        response = connection.getresponse()
        response.read()
    except (OSError, HTTPException) as error:
        connection.close()
        yield f"no answer ({error!r})"
        return
    if response.status not in right:
        yield f"{response.status}{otherwise}"
    if right is _NOT_SERVED and response.status == 405 and not response.headers.get("Allow"):
        yield "405 without Allow"
