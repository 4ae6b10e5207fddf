"""A number that cannot have been measured is refused where a value is made."""

from math import inf, nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from lab.analysis.columns import Cost, costs
from lab.model.cell import Cell, Value
from lab.model.noun import Noun
from lab.model.outcome import Block, Driven, Sample, Usage
from tests.synthetic import NOON, sample

VALUES: tuple[Noun, ...] = (
    Usage(cpu_s=1),
    sample().driven,
    sample(),
    Block(block=0, attempt=0, started_at=NOON, overhead_s=1, reference_before_s=1, reference_after_s=1),
    Value(mean=1, lo=1, hi=1),
    Cell(stack="a", scenario="json", load="closed:8", blocks=6, outcome="valid"),
    costs([sample()])[0],
)


def fields(noun: type[Noun]) -> dict[str, Any]:
    """Name -> schema of each field; a noun that holds others of its kind refers to itself."""
    schema = TypeAdapter(noun).json_schema()
    found: dict[str, Any] = schema.get("$defs", {}).get(noun.__name__, schema)["properties"]
    return found


SCHEMAS = {type(value): fields(type(value)) for value in VALUES}
NUMBERS = [
    (value, name)
    for value in VALUES
    for name, schema in SCHEMAS[type(value)].items()
    if "number" in str(schema) or "integer" in str(schema)
]
IMPOSSIBLE = st.sampled_from([nan, inf, -inf]) | st.floats(max_value=0, exclude_max=True) | st.integers(max_value=-1)


def inside(value: Noun, name: str, number: float) -> Any:
    """The number as that field holds it: alone, in a list or under a name."""
    schema = str(SCHEMAS[type(value)][name])
    if "'array'" in schema:
        return [number]
    return {"any": number} if "additionalProperties" in schema else number


def test_every_measured_noun_has_numbers() -> None:
    assert {type(value) for value, _ in NUMBERS} == {Usage, Driven, Sample, Block, Value, Cell, Cost}


@pytest.mark.parametrize(("value", "name"), NUMBERS, ids=[f"{type(value).__name__}.{name}" for value, name in NUMBERS])
@settings(max_examples=20)
@given(number=IMPOSSIBLE)
def test_nan_infinities_and_negative_numbers_are_refused(value: Noun, name: str, number: float) -> None:
    impossible = inside(value, name, number)
    with pytest.raises(ValidationError):
        type(value).model_validate({**dict(value), name: impossible})
    with pytest.raises(ValidationError):
        value.model_copy(update={name: impossible})


@given(amount=st.floats(min_value=0, allow_nan=False, allow_infinity=False))
def test_every_other_number_is_taken(amount: float) -> None:
    assert Usage(cpu_s=amount).cpu_s == Usage(memory_bytes=1).model_copy(update={"cpu_s": amount}).cpu_s == amount
