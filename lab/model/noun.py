"""What all values have in common.

Units are in the names. None stands for what was not measured, never 0.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field


class Noun(BaseModel):
    """A frozen value; a field that is not known is an error, so that a typing mistake in a file is seen.

    Numbers are finite: NaN and infinities are refused where a value is made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy whose updated fields are validated, as pydantic's own are not.

        Raises:
            ValidationError: an updated field has a value that it must not have.
        """
        copy = super().model_copy(deep=deep)
        return self.model_validate({**dict(copy), **update}) if update else copy


Count = Annotated[int, Field(ge=0)]

Amount = Annotated[float, Field(ge=0)]
"""A measured number: never negative, never NaN. What was not measured is None instead."""
