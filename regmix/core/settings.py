"""Building blocks of every section of params.yaml: strict models and bounded numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError


class Strict(BaseModel):
    """Base of every options model: frozen, rejects unknown keys, and text or a truth value in place of a number.

    What can be wrong between its keys, a model yields from ``_faults``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    def _faults(self) -> Iterator[str]:
        """Lines that start with a key and name the value and the fix."""
        yield from ()

    @model_validator(mode="after")
    def _no_faults(self) -> Self:
        faults = [PydanticCustomError("fault", "{line}", {"line": line}) for line in self._faults()]
        if faults:
            details = [InitErrorDetails(type=fault, input=self) for fault in faults]
            raise ValidationError.from_exception_data(type(self).__name__, details)
        return self


Count = Annotated[int, Field(ge=1)]
NonNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Plugin(Strict):
    """An entry whose other keys belong to the file named by ``kind`` or ``reader``."""

    model_config = ConfigDict(extra="allow")


class Kind(Plugin):
    kind: str
