"""Settings: the section `target` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from regmix.core.settings import Kind, Name, Runs
from regmix.engine.settings import Training


class Target(Training):
    seeds: Runs
    methods: Annotated[dict[Name, Kind], Field(min_length=1)]
