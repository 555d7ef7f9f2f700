"""Where an objective is expected to improve most on the runs and on the round's other proposals.

The noisy expected improvement of a batch, chosen one after another (Letham et al. 2019, arXiv 1706.07094; Balandat et
al. 2020, arXiv 1910.06403), by joint draws of the ensemble's posterior: a draw is a loss without noise, so what it
gains at a mixture is what is below its lowest value at the runs. No fit is repeated.

N runs, K domains, M candidates, S draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regmix.core.runs import LossParts
from regmix.mixture.acquisition.bootstrap import STREAM
from regmix.mixture.optima import Refit, optima
from regmix.mixture.search import Search, optimum, starts
from regmix.regression.ensemble import Ensemble
from regmix.regression.interface import Draws, Regressor
from regmix.sampling.rules import Rules

DRAWS = 128  # S
TIE = 1e-6  # of the predicted loss, which decides where no draw improves
ROWS = 4096  # candidates scored together


@dataclass(frozen=True)
class Improvement:
    """Minus what ``draws`` gain over ``best`` (S,), their lowest values so far, in the place of a predicted loss."""

    model: Ensemble
    draws: Draws
    best: np.ndarray

    def score(self, mixtures: np.ndarray, risk: float) -> np.ndarray:
        """(M,); the lowest is the best. A loss above its limit counts as it does in a recommendation."""
        parts = (mixtures[first : first + ROWS] for first in range(0, len(mixtures), ROWS))
        gains = [np.maximum(0, self.best - self.draws(part)).mean(axis=1) for part in parts]
        predicted = self.model.score(mixtures, 0)
        above = predicted - self.model.mean(mixtures)
        return np.asarray(TIE * predicted + above - np.concatenate(gains))


def points(
    mixtures: np.ndarray,
    losses: Mapping[str, LossParts],
    regressors: Sequence[Regressor],
    rules: Rules,
    search: Search,
    count: int,
    workers: int,
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The objectives, the proposals (count, K) and the regressors' weights (E,). Raises NoPosterior."""
    names, proposals = [list(losses)[i % len(losses)] for i in range(count)], np.empty((0, mixtures.shape[1]))
    everything = [Refit(name, np.arange(len(mixtures)), 0) for name in losses]
    weights, found = optima(mixtures, losses, regressors, rules, search, everything, workers)
    models = {name: one.model for name, one in zip(losses, found, strict=True)}
    draws = {name: model.draws(DRAWS, search.seed) for name, model in models.items()}
    for i, name in enumerate(names):
        best = draws[name](np.vstack([mixtures, proposals])).min(axis=0)
        first = starts(rules, mixtures, losses[name].objective.own(rules.domains))
        found_here = optimum(Improvement(models[name], draws[name], best), rules, search, STREAM + i, first)
        proposals = np.vstack([proposals, found_here])
    return names, proposals, weights
