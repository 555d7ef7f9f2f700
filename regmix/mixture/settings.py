"""Settings: the section `mixture` of params.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from regmix.core.faults import repeated
from regmix.core.settings import Count, Name, NonNegative, Runs, Strict

Candidates = Annotated[int, Field(ge=1, le=10**8)]  # all are in memory at once


class Refits(Strict):
    count: Annotated[int, Field(ge=2, le=100_000)]
    candidates: Candidates


class Local(Strict):
    steps: NonNegative
    candidates: Candidates


class Fronts(Strict):
    pairs: list[Annotated[list[Name], Field(min_length=2, max_length=2)]]  # of objectives
    points: Annotated[int, Field(ge=2, le=1000)]


class Confirm(Strict):
    seeds: Runs


class Mixture(Strict):
    ensemble: Annotated[list[str], Field(min_length=1)]
    risk: Annotated[float, Field(ge=0)]
    candidates: Candidates
    local: Local
    top_k: Count
    seed: NonNegative
    refits: Refits
    fronts: Fronts
    confirm: Confirm
    refit: bool

    def _faults(self) -> Iterator[str]:
        yield from repeated(self.ensemble, "ensemble")
        limits = {"candidates": self.candidates}
        if self.local.steps:  # without them, refits average the same share of their candidates
            limits["refits.candidates"] = self.refits.candidates
        for key, count in limits.items():
            if self.top_k > count:
                yield f"top_k = {self.top_k}: must not exceed {key} ({count}); lower it or raise {key}"
