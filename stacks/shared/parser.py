"""Quick CPU work: the text of a chat message chunk."""

import json
from typing import NoReturn

from stacks.shared.params import BadRequestError

Chunk = dict[str, object]


def decode(body: bytes) -> Chunk:
    """Return the chunk in a request's body; raise BadRequestError if it is no JSON object (by RFC 8259: in UTF-8, no NaN)."""
    try:
        chunk = _DECODER.decode(body.decode())
    except (ValueError, RecursionError):
        raise BadRequestError("the body must be JSON") from None
    if not isinstance(chunk, dict):
        raise BadRequestError("the body must be a JSON object")
    return chunk


def text_of(chunk: Chunk) -> str:
    """Join the `text` of the parts in `content`.

    Parts that are no object or have no text are skipped, content that is no list has no parts,
    a text that is no string (or holds half a surrogate pair, which no answer could carry) is a BadRequestError.
    """
    content = chunk.get("content")
    if not isinstance(content, list):
        return ""
    texts = [part["text"] for part in content if isinstance(part, dict) and "text" in part]
    try:
        text = "".join(texts)
        if not text.isascii():
            text.encode()
    except (TypeError, UnicodeEncodeError):
        raise BadRequestError("text must be a string of Unicode characters") from None
    return text


async def text_of_coroutine(chunk: Chunk) -> str:
    """Do what `text_of` does, as a coroutine: it never waits."""
    return text_of(chunk)


def answer(text: str) -> dict[str, object]:
    """Return the answer of the parse paths."""
    return {"text": text}


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
