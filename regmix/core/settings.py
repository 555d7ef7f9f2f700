"""Building blocks of every section of params.yaml: strict models and bounded numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
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


def _one_line(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty; give some text")
    if not text.isprintable():
        raise ValueError("has a line break or another control character; remove it")
    return text


# The upper limits are far above what anybody trains, and below what overflows.
Count = Annotated[int, Field(ge=1, lt=2**31)]
Runs = Annotated[int, Field(ge=1, le=100_000)]
Tokens = Annotated[int, Field(ge=1, le=10**15)]  # or characters
NonNegative = Annotated[int, Field(ge=0, lt=2**63)]
Positive = Annotated[float, Field(gt=0, le=1e15)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Line = Annotated[str, AfterValidator(_one_line)]


class Plugin(Strict):
    """An entry whose other keys belong to the file named by ``kind`` or ``reader``."""

    model_config = ConfigDict(extra="allow")

    @property
    def extras(self) -> dict[str, Any]:
        """The other keys."""
        return dict(self.model_extra or {})


class Kind(Plugin):
    kind: str
