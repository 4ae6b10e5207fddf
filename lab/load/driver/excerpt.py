"""How a body begins, for a person to read."""

LONGEST = 200
"""Characters of a body that are shown."""


def excerpt(body: bytes | None) -> str | None:
    """Return the first characters of a body; what a terminal would not print is escaped as Python escapes it."""
    if body is None:
        return None
    text = body.decode(errors="backslashreplace")
    return "".join(map(_printable, text[:LONGEST])) + ("…" if len(text) > LONGEST else "")


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
