"""Settings: the section `trajectory` of params.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from regmix.core.settings import Count, Name, NonNegative, Strict


class Trajectory(Strict):
    """Which regressors of the next loss to evaluate, and at which granularities (RegMix-D's N)."""

    objective: Name
    granularities: Annotated[list[Count], Field(min_length=1)]
    regressors: Annotated[list[Name], Field(min_length=1)]
    label: Literal["loss", "drop"]
    seed: NonNegative
