"""Query parameters of the contract: read, bounded, and refused with one sentence."""

from collections.abc import Mapping

from stacks.shared.crunch import DEFAULT_ROUNDS, MOST_ROUNDS
from stacks.shared.files import SIZES_KB

MOST_MS = 60_000
LARGEST_SEED = 2**31 - 1

Query = Mapping[str, str]


class BadRequestError(ValueError):
    """The request breaks the contract; the message says which part of it and why, and is shown to the client."""


def count(query: Query) -> int:
    """Read `n`: how many rows or calls."""
    return _integer(query, "n", 10, 1, 100)


def chunks(query: Query) -> int:
    """Read `chunks`: of a streamed answer."""
    return _integer(query, "chunks", 10, 1, 1_000)


def limit(query: Query) -> int:
    """Read `limit`: how many calls at once."""
    return _integer(query, "limit", 10, 1, 100)


def milliseconds(query: Query, default: int) -> int:
    """Read `ms`: how long to wait."""
    return _integer(query, "ms", default, 0, MOST_MS)


def rounds(query: Query) -> int:
    """Return `rounds`, the amount of work."""
    return _integer(query, "rounds", DEFAULT_ROUNDS, 1, MOST_ROUNDS)


def seed(query: Query) -> int:
    """Read `seed`: which rows."""
    return _integer(query, "seed", 1, 0, LARGEST_SEED)


def capacity(query: Query) -> int:
    """Read `capacity`: how many calls `upstream` takes at once before it refuses; 0 is no limit."""
    return _integer(query, "capacity", 0, 0, 100_000)


def kilobytes(query: Query) -> int:
    """Read `kb`: size of the file."""
    text = query.get("kb", "64")
    if text not in {str(size) for size in SIZES_KB}:
        raise BadRequestError(f"kb must be one of {', '.join(map(str, SIZES_KB))}")
    return int(text)


def _integer(query: Query, name: str, default: int, low: int, high: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    # int() takes more than a contract for several languages can promise: "+1", " 1", "1_0", digits of other scripts.
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and low <= int(text) <= high):
        raise BadRequestError(f"{name} must be a whole number from {low} to {high}")
    return int(text)
