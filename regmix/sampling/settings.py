"""Settings: the section `swarm` of params.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from regmix.core.faults import repeated, unknown
from regmix.core.settings import Count, Name, NonNegative, Positive, Runs, Share, Strict


class LogGrid(Strict):
    low: Positive
    high: Positive
    points: Annotated[int, Field(ge=1, le=1000)]


class Repeats(Strict):
    mixtures: NonNegative
    seeds: NonNegative


FIRST = "data/swarm_collect"  # the first design's runs
ROUNDS = "data/swarm_round"  # below it, a folder per round


Acquisition = Literal["bootstrap", "expected_improvement"]


class Round(Strict):
    follows: str  # where the runs are that it learns from: FIRST, or a round's folder
    proposals: Runs
    acquisition: Acquisition
    objectives: Annotated[list[str], Field(min_length=1)]


class Swarm(Strict):
    seed: NonNegative
    run_seeds: Literal["shared", "own"]
    repetition: Literal["free", "matched"]
    shards: Annotated[
        list[Annotated[str, Field(pattern=r"^((random|switched)-(0|[1-9][0-9]*)|anchors|heldout|repeats)$")]],
        Field(min_length=1),
    ]
    per_shard: Runs
    switches: Count
    heldout: Annotated[int, Field(ge=0, le=100_000)]
    repeats: Repeats
    temperature: Annotated[float, Field(ge=0)]
    strength: LogGrid
    min_weight: Share
    max_tries: Count
    rounds: dict[Name, Round]
    learn_from: str  # FIRST, or a round's folder

    def _faults(self) -> Iterator[str]:
        yield from repeated(self.shards, "shards")
        if self.repeats.mixtures > self.heldout:
            yield f"repeats.mixtures = {self.repeats.mixtures}: must not exceed heldout ({self.heldout})"
        before = {f"{ROUNDS}/{name}": entry.follows for name, entry in self.rounds.items()}
        named = {f"rounds.{name}.follows": entry.follows for name, entry in self.rounds.items()}
        for key, place in {**named, "learn_from": self.learn_from}.items():
            yield from unknown(place, [FIRST, *before], key, "round")
        for name in self.rounds:
            if self._chain(f"{ROUNDS}/{name}").count(name) > 1:
                yield f"rounds.{name}.follows = {self.rounds[name].follows}: it follows itself; use {FIRST}"

    def _chain(self, place: str) -> list[str]:
        """The rounds behind ``place``, the last first; in a cycle, to the first that is there again."""
        out: list[str] = []
        while (name := place.removeprefix(f"{ROUNDS}/")) in self.rounds and out.count(name) < 2:
            out.append(name)
            place = self.rounds[name].follows
        return out

    def first(self, kind: str, domains: int) -> int:
        """The most runs of a ``kind`` in the first design; bounds on weights can make anchors coincide."""
        each = {"anchor": domains + 2, "heldout": self.heldout}.get(kind, self.per_shard)
        return each * sum(shard.startswith(kind) for shard in self.shards)

    def learnt(self, place: str, domains: int) -> int:
        """The most runs at ``place`` that regressors learn from."""
        proposals = sum(self.rounds[name].proposals for name in self._chain(place))
        return self.first("random", domains) + self.first("anchor", domains) + proposals
