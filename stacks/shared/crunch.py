"""Long CPU work: a deterministic digest in a plain Python loop."""

DEFAULT_ROUNDS = 14_000
"""About 1 ms of one core (Python 3.11, 2-core VM)."""
MOST_ROUNDS = 10_000_000


def digest(rounds: int) -> str:
    """Return eight hexadecimal digits after `rounds` steps of a linear congruence.

    Every intermediate value is below 2^53, so that languages with doubles only compute the same.
    """
    state = 1
    for step in range(rounds):
        state = (state * 48_271 + step) % 2_147_483_647
    return f"{state:08x}"


def answer(rounds: int, digest: str) -> dict[str, object]:
    """Return the answer of the crunch paths."""
    return {"rounds": rounds, "digest": digest}
