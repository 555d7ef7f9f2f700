"""Settings: the section `swarm` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from regmix.core.settings import Count, NonNegative, Positive, Share, Strict


class LogGrid(Strict):
    low: Positive
    high: Positive
    points: Count


class Repeats(Strict):
    mixtures: NonNegative
    seeds: NonNegative


class Swarm(Strict):
    seed: NonNegative
    shards: Annotated[
        list[Annotated[str, Field(pattern=r"^(random-\d+|switched-\d+|anchors|heldout|repeats)$")]],
        Field(min_length=1),
    ]
    per_shard: Count
    switches: Count
    heldout: NonNegative
    repeats: Repeats
    temperature: Positive
    strength: LogGrid
    min_weight: Share
    max_epochs: Positive
    max_tries: Count

    @model_validator(mode="after")
    def _shards(self) -> Swarm:
        if len(set(self.shards)) < len(self.shards):
            raise ValueError("shards repeats a name; name each once")
        if self.repeats.mixtures > self.heldout:
            raise ValueError(f"repeats.mixtures must not exceed heldout ({self.heldout})")
        return self
