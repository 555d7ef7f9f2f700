"""Building blocks of every section of params.yaml: strict models and bounded numbers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """Base of every options model: frozen, rejects unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Count = Annotated[int, Field(ge=1)]
NonNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Plugin(Strict):
    """An entry whose other keys belong to the file named by ``kind`` or ``reader``."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Kind(Plugin):
    kind: str
