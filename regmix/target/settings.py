"""Settings: the section `target` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from regmix.core.settings import Count, Kind, Name
from regmix.engine.settings import Training


class Target(Training):
    seeds: Count
    methods: Annotated[dict[Name, Kind], Field(min_length=1)]
