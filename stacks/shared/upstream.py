"""Calls to another service: what is asked of `upstream`, and what is answered."""

from collections.abc import Iterable

READ_TIMEOUT_S = 90.0
"""Longer than the longest delay that can be asked for; a silent upstream is an error then."""


class UpstreamError(Exception):
    """`upstream` refused or could not be reached; the message is shown to the client."""


def delay_path(ms: int, capacity: int) -> str:
    """Ask for an answer after `ms` milliseconds; `capacity`, where not 0, is how many calls it takes at once."""
    return f"/delay?ms={ms}&capacity={capacity}" if capacity else f"/delay?ms={ms}"


def stream_path(chunks: int, ms: int) -> str:
    """Ask for a chat completion in `chunks` chunks, `ms` milliseconds before each."""
    return f"/stream?chunks={chunks}&ms={ms}"


def check(status: int) -> None:
    """Raise UpstreamError for any status but 200."""
    if status != 200:
        raise UpstreamError(f"upstream answered {status}")


def no_answer(error: Exception) -> UpstreamError:
    """Return the exception to raise for an error of the client library."""
    return UpstreamError(f"upstream did not answer ({type(error).__name__})")


def answer(answers: Iterable[object]) -> dict[str, object]:
    """Return the answer of the http paths."""
    return {"answers": list(answers)}
