"""The schema of published/params.yaml: how the published runs are analysed. Typed, frozen, without defaults.

Separate from the schema of params.yaml, so that a new setting there does not affect the published analysis.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field

from regmix.core import plugins
from regmix.core.faults import unknown
from regmix.core.files import read_yaml
from regmix.core.settings import Count, Kind, Name, NonNegative, Positive, Share, Strict
from regmix.mixture.settings import Refits
from regmix.regression.settings import Regression
from regmix.sampling.settings import LogGrid


class Stop(Strict):
    """Early stopping of LightGBM: after ``rounds`` rounds without gain on a ``share`` of the training runs."""

    rounds: Count
    share: Annotated[float, Field(gt=0, le=0.5)]
    seed: NonNegative


class Beta(Strict):
    """RegMix-D's exponent across scale, and the regressor that predicts the missing 1M losses of the 1B mixtures."""

    paper: Positive
    regressor: Name


class Draws(Strict):
    """How a replay of the simulation draws candidates; ``most`` caps a weight at this multiple of its prior."""

    candidates: Count
    top_k: Count
    temperature: Positive
    strength: LogGrid
    most: Positive | None


class Replay(Strict):
    """One replay: how it draws, with which regressor, fitted to which set of runs."""

    draws: Name
    regressor: Name
    runs: Literal["train_1m", "test_1m", "test_60m", "test_1b"]
    seeds: Annotated[list[NonNegative], Field(min_length=1)]


class Cloud(Strict):
    """The candidates that Figure 2 shows: how many, and how they are drawn."""

    draws: Name
    candidates: Count
    seed: NonNegative


class Simulate(Strict):
    """The replays of the papers' simulation, and the other Pile-CC weights to compare with the chosen one."""

    draws: dict[Name, Draws]
    replays: dict[Name, Replay]
    refits: Refits
    cloud: Cloud
    neighbours: Annotated[list[Share], Field(min_length=1)]
    neighbour_refits: Annotated[int, Field(ge=2)]


class Published(Strict):
    """published/params.yaml: how the published runs are analysed."""

    objective: Name
    starved: Share
    regression: Regression
    other_subsets: Count
    regressors: dict[Name, Kind]
    paper_regressor: Name
    ensemble: Annotated[list[Name], Field(min_length=2)]
    stop: Stop
    beta: Beta
    downstream: Annotated[list[Name], Field(min_length=1)]
    simulate: Simulate
    workers: Count

    @classmethod
    def load(cls, path: Path = Path("published/params.yaml")) -> Self:
        """Raises InputError for what does not fit the schema."""
        return plugins.checked(cls, read_yaml(path), str(path))

    def regression_on(self, domain: str) -> Regression:
        """How a domain's loss is judged: all but the objective's have learning curves of ``other_subsets``."""
        if domain == self.objective:
            return self.regression
        curve = self.regression.curve.model_copy(update={"subsets": self.other_subsets})
        return self.regression.model_copy(update={"curve": curve})

    def _faults(self) -> Iterator[str]:
        named = {"ensemble": self.ensemble, "downstream": self.downstream, "paper_regressor": self.paper_regressor,
                 "beta.regressor": self.beta.regressor}  # fmt: skip
        for key, names in named.items():
            yield from unknown(names, self.regressors, key, "regressor")
        yield from unknown(self.simulate.cloud.draws, self.simulate.draws, "simulate.cloud", "draws")
        for key, replay in self.simulate.replays.items():
            yield from unknown(replay.draws, self.simulate.draws, f"simulate.replays.{key}", "draws")
            yield from unknown(replay.regressor, self.regressors, f"simulate.replays.{key}", "regressor")
