"""The parameters of the contract as FastAPI declares them, with the limits of stacks/shared/params.py."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from stacks.shared import params


def digits(text: str) -> str:
    """Refuse what pydantic takes for a whole number beyond the contract: "+1", " 1", "1_0", "1.0", eleven digits."""
    if not params.is_whole(text):
        raise PydanticCustomError("whole_number", "Input should be one to ten ASCII digits")
    return text


def within(parameter: params.Whole) -> Any:
    """Return the limits of a parameter."""
    return Query(ge=parameter.low, le=parameter.high)


DIGITS = BeforeValidator(digits)

Count = Annotated[int, within(params.COUNT), DIGITS]
Limit = Annotated[int, within(params.LIMIT), DIGITS]
Chunks = Annotated[int, within(params.CHUNKS), DIGITS]
Milliseconds = Annotated[int, within(params.MILLISECONDS), DIGITS]
Rounds = Annotated[int, within(params.ROUNDS), DIGITS]
Seed = Annotated[int, within(params.SEED), DIGITS]
Capacity = Annotated[int, within(params.CAPACITY), DIGITS]
Kilobytes = Annotated[str, Query(pattern=f"^({'|'.join(params.KILOBYTES)})$")]
"""A text, since pydantic would take "01" for the number 1."""
