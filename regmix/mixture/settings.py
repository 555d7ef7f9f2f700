"""Settings: the section `mixture` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from regmix.core.settings import Count, Name, NonNegative, Strict


class Refits(Strict):
    count: Annotated[int, Field(ge=2)]
    candidates: Count


class Local(Strict):
    steps: NonNegative
    candidates: Count


class Fronts(Strict):
    pairs: list[tuple[Name, Name]]  # of objectives
    points: Annotated[int, Field(ge=2)]

    @model_validator(mode="after")
    def _two(self) -> Fronts:
        for first, second in self.pairs:
            if first == second:
                raise ValueError(f"pairs: {first} and {second} are one objective; name two")
        return self


class Confirm(Strict):
    seeds: Count


class Mixture(Strict):
    ensemble: Annotated[list[str], Field(min_length=1)]
    risk: Annotated[float, Field(ge=0)]
    candidates: Count
    local: Local
    top_k: Count
    seed: NonNegative
    refits: Refits
    fronts: Fronts
    confirm: Confirm
    refit: bool

    @model_validator(mode="after")
    def _ensemble(self) -> Mixture:
        if len(set(self.ensemble)) < len(self.ensemble):
            raise ValueError("ensemble repeats a name; name each regressor once")
        return self
