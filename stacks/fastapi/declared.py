"""The parameters of the contract as FastAPI declares them, with the limits of stacks/shared/params.py."""

from typing import Annotated

from fastapi import Query
from pydantic import BeforeValidator

from stacks.shared import params


def digits(text: str) -> str:
    """Refuse what pydantic takes for a whole number beyond the contract: "+1", " 1", "1_0", "1.0", eleven digits."""
    if not params.is_whole(text):
        raise ValueError("it must be one to ten ASCII digits")
    return text


Count = Annotated[int, Query(ge=params.COUNT.low, le=params.COUNT.high), BeforeValidator(digits)]
Limit = Annotated[int, Query(ge=params.LIMIT.low, le=params.LIMIT.high), BeforeValidator(digits)]
Chunks = Annotated[int, Query(ge=params.CHUNKS.low, le=params.CHUNKS.high), BeforeValidator(digits)]
Milliseconds = Annotated[int, Query(ge=params.MILLISECONDS.low, le=params.MILLISECONDS.high), BeforeValidator(digits)]
Rounds = Annotated[int, Query(ge=params.ROUNDS.low, le=params.ROUNDS.high), BeforeValidator(digits)]
Seed = Annotated[int, Query(ge=params.SEED.low, le=params.SEED.high), BeforeValidator(digits)]
Capacity = Annotated[int, Query(ge=params.CAPACITY.low, le=params.CAPACITY.high), BeforeValidator(digits)]
Kilobytes = Annotated[str, Query(pattern=f"^({'|'.join(params.KILOBYTES)})$")]
"""A text, since pydantic would take "01" for the number 1."""
