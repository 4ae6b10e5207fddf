"""Database work: which rows, by which SQL, in which answer."""

from collections.abc import Iterable, Sequence
from typing import LiteralString

FIRST_ID = 10_000
IDS = 10_000

LONGEST_WAIT_S = 60.0
"""How long a request may wait for a connection; the pool's own 30 s would end before some clients' patience does."""

Row = tuple[int, int]
Statement = tuple[LiteralString, tuple[object, ...]]


def seeded_ids(seed: int, n: int) -> list[int]:
    """Return `n` ids of 10000-19999 by a linear congruence that every language can repeat (no value reaches 2^53)."""
    ids = []
    state = seed
    for _ in range(n):
        state = (state * 48_271 + 11) % 2_147_483_647
        ids.append(FIRST_ID + state % IDS)
    return ids


def select_one(row_id: int, ms: int) -> Statement:
    """Return the query of one row; the database takes `ms` milliseconds longer."""
    if ms == 0:
        return "SELECT id, value FROM items WHERE id = %s", (row_id,)
    return "SELECT id, value FROM pg_sleep(%s), items WHERE id = %s", (ms / 1000, row_id)


def select_many(ids: Sequence[int], ms: int) -> Statement:
    """Return the query of many rows in one round trip; the database takes `ms` milliseconds longer, once."""
    if ms == 0:
        return "SELECT id, value FROM items WHERE id = ANY(%s)", (ids,)
    return "SELECT id, value FROM pg_sleep(%s), items WHERE id = ANY(%s)", (ms / 1000, ids)


def answer(ids: Iterable[int], rows: Iterable[Row]) -> dict[str, object]:
    """Return the answer of the db paths: the rows in the order of `ids`, which may have an id twice."""
    values = dict(rows)
    return {"rows": [{"id": row_id, "value": values[row_id]} for row_id in ids]}
