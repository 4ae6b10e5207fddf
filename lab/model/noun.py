"""The base class of all values.

Units are in the names. None means not measured; 0 is a measured value.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field


class Noun(BaseModel):
    """A frozen value; an unknown field is an error, so that a typing mistake in a file is found.

    Numbers are finite: NaN and infinities are refused.
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
"""A measured number: never negative, never NaN; None without a measurement."""
