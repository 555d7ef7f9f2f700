"""Load a stage's settings: only the sections of params.yaml that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from regmix.core.files import read_yaml
from regmix.core.plugins import checked


class Sections(BaseModel):
    """The sections of params.yaml that a stage reads, one field per section, with its name."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, from_attributes=True)

    @classmethod
    def load(cls, path: Path = Path("params.yaml")) -> Self:
        """Raises InputError if a section is missing or does not fit its schema."""
        return checked(cls, read_yaml(path), path.name)

    @classmethod
    def of(cls, params: object) -> Self:
        """The same sections, taken from all settings (regmix.params.Params)."""
        return cls.model_validate(params)
