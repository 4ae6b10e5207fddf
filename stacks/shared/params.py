"""Query parameters of the contract: their limits, and how they are read, bounded, and refused with one sentence."""

from collections.abc import Mapping
from dataclasses import dataclass

from stacks.shared.crunch import DEFAULT_ROUNDS, MOST_ROUNDS
from stacks.shared.files import SIZES_KB

Query = Mapping[str, str]


@dataclass(frozen=True)
class Whole:
    """A parameter that is a whole number from `low` to `high`."""

    name: str
    low: int
    high: int
    default: int = 0
    """That of `ms` differs by path."""


COUNT = Whole("n", 1, 100, 10)
LIMIT = Whole("limit", 1, 100, 10)
CHUNKS = Whole("chunks", 1, 1_000, 10)
MILLISECONDS = Whole("ms", 0, 60_000)
ROUNDS = Whole("rounds", 1, MOST_ROUNDS, DEFAULT_ROUNDS)
SEED = Whole("seed", 0, 2**31 - 1, 1)
CAPACITY = Whole("capacity", 0, 100_000)
KILOBYTES = tuple(map(str, SIZES_KB))
"""What `kb` may be."""
DEFAULT_KILOBYTES = "64"


class BadRequestError(ValueError):
    """The request breaks the contract; the message says which part of it and why, and is shown to the client."""


def count(query: Query) -> int:
    """Read `n`: how many rows or calls."""
    return _whole(query, COUNT, COUNT.default)


def chunks(query: Query) -> int:
    """Read `chunks`: of a streamed answer."""
    return _whole(query, CHUNKS, CHUNKS.default)


def limit(query: Query) -> int:
    """Read `limit`: how many calls at once."""
    return _whole(query, LIMIT, LIMIT.default)


def milliseconds(query: Query, default: int) -> int:
    """Read `ms`: how long to wait."""
    return _whole(query, MILLISECONDS, default)


def rounds(query: Query) -> int:
    """Return `rounds`, the amount of work."""
    return _whole(query, ROUNDS, ROUNDS.default)


def seed(query: Query) -> int:
    """Read `seed`: which rows."""
    return _whole(query, SEED, SEED.default)


def capacity(query: Query) -> int:
    """Read `capacity`: how many calls `upstream` takes at once before it refuses; 0 is no limit."""
    return _whole(query, CAPACITY, CAPACITY.default)


def kilobytes(query: Query) -> int:
    """Read `kb`: size of the file."""
    text = query.get("kb", DEFAULT_KILOBYTES)
    if text not in KILOBYTES:
        raise BadRequestError(f"kb must be one of {', '.join(KILOBYTES)}")
    return int(text)


def is_whole(text: str) -> bool:
    """Return whether a text is one to ten ASCII digits.

    int() takes more than a contract for several languages can promise: "+1", " 1", "1_0", digits of other scripts.
    """
    return text.isascii() and text.isdigit() and len(text) <= 10


def _whole(query: Query, parameter: Whole, default: int) -> int:
    text = query.get(parameter.name)
    if text is None:
        return default
    if not (is_whole(text) and parameter.low <= int(text) <= parameter.high):
        raise BadRequestError(f"{parameter.name} must be a whole number from {parameter.low} to {parameter.high}")
    return int(text)
