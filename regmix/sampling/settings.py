"""Settings: the section `swarm` of params.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from regmix.core.settings import Count, Name, NonNegative, Positive, Share, Strict


class LogGrid(Strict):
    low: Positive
    high: Positive
    points: Count


class Repeats(Strict):
    mixtures: NonNegative
    seeds: NonNegative


FIRST = "data/swarm_collect"  # the first design's runs
ROUNDS = "data/swarm_round"  # below it, a folder per round


Acquisition = Literal["bootstrap", "expected_improvement"]


class Round(Strict):
    follows: str  # where the runs are that it learns from: FIRST, or a round's folder
    proposals: Count
    acquisition: Acquisition
    objectives: Annotated[list[str], Field(min_length=1)]


class Swarm(Strict):
    seed: NonNegative
    run_seeds: Literal["shared", "own"]
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
    rounds: dict[Name, Round]
    learn_from: str  # FIRST, or a round's folder

    @model_validator(mode="after")
    def _shards(self) -> Swarm:
        if len(set(self.shards)) < len(self.shards):
            raise ValueError("shards repeats a name; name each once")
        if self.repeats.mixtures > self.heldout:
            raise ValueError(f"repeats.mixtures must not exceed heldout ({self.heldout})")
        return self

    @model_validator(mode="after")
    def _chain(self) -> Swarm:
        before = {f"{ROUNDS}/{name}": entry.follows for name, entry in self.rounds.items()}
        named = {f"rounds.{name}.follows": entry.follows for name, entry in self.rounds.items()}
        for key, place in {**named, "learn_from": self.learn_from}.items():
            if place != FIRST and place not in before:
                raise ValueError(f"{key}: no round {place!r}; use one of {', '.join([FIRST, *before])}")
        for place in before:
            seen = {place}
            while (place := before.get(place, FIRST)) != FIRST:
                if place in seen:
                    raise ValueError(f"rounds: {place} follows itself; let the first round follow {FIRST}")
                seen.add(place)
        return self
