"""Check that a stack answers methods that a path does not have as the contract says."""

from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse

from lab.contract.ask import Finding, opened
from lab.model.stack import Stack

Judge = Callable[[HTTPResponse], Iterator[str]]
OTHER = (("/json", "POST"), ("/json", "DELETE"), ("/parse/plain", "GET"), ("/no-such-path", "PUT"))
"""405 with `Allow`, or 404."""
TRACE = (("/json", "TRACE"),)
"""Refused, often by the server itself, in its own words."""
FREE = (("/json", "OPTIONS"), ("/no-such-path", "HEAD"))
"""As the framework has it, but no server error; what follows on the connection shows that HEAD sent no body."""


def methods(address: str, stack: Stack) -> list[Finding]:
    """Ask on one connection, so that an answer that goes on too long is seen by the next."""
    with opened(address) as connection:
        return [
            Finding(path, f"{method} {path}: {said}")
            for asked, judge in ((OTHER, _judge_other), (TRACE, _judge_trace), (FREE, _judge_free))
            for path, method in asked
            if stack.why_omitted(path) is None
            for said in _judged(connection, method, path, judge)
        ]


def _judged(connection: HTTPConnection, method: str, path: str, judge: Judge) -> Iterator[str]:
    try:
        connection.request(method, path)
        response = connection.getresponse()
        response.read()
    except (OSError, HTTPException) as error:
        connection.close()
        yield f"no answer ({error!r})"
        return
    yield from judge(response)


def _judge_other(response: HTTPResponse) -> Iterator[str]:
    if response.status not in (404, 405):
        yield f"{response.status} instead of 405 or 404"
    if response.status == 405 and not response.headers.get("Allow"):
        yield "405 without Allow"


def _judge_trace(response: HTTPResponse) -> Iterator[str]:
    if response.status < 400:
        yield f"{response.status}, but it must be refused"


def _judge_free(response: HTTPResponse) -> Iterator[str]:
    if response.status >= 500:
        yield f"{response.status}"
