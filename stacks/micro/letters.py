"""The work of the naive benchmark: keep the letters of a short text, in a function and in a coroutine."""

TEXT = "a1b2c3 hello 2024"


def letters(text: str = TEXT) -> str:
    """Return the text without all that is no letter."""
    return "".join(character for character in text if character.isalpha())


async def letters_coroutine(text: str = TEXT) -> str:
    """Do what `letters` does, as a coroutine: it never waits."""
    return "".join(character for character in text if character.isalpha())
