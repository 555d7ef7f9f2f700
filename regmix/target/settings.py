"""Settings: the section `target` of params.yaml."""

from __future__ import annotations

from regmix.core.settings import Count, Kind, Name
from regmix.engine.settings import Training


class Target(Training):
    seeds: Count
    methods: dict[Name, Kind]
