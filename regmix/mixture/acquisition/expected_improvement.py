"""Where an objective is expected to improve most on the runs and on the round's other proposals.

The noisy expected improvement of a batch, chosen one after another (Letham et al. 2019, arXiv 1706.07094; Balandat et
al. 2020, arXiv 1910.06403), by joint draws of the ensemble's posterior: a draw is a loss without noise, so what it
gains at a mixture is what is below its lowest value at the runs. No fit is repeated.

N runs, K domains, M candidates, S draws.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from regmix.mixture.acquisition.bootstrap import STREAM
from regmix.mixture.optima import Evidence, optima
from regmix.mixture.search import Each, optimum
from regmix.regression.ensemble import Ensemble
from regmix.regression.interface import Draws

DRAWS = 128  # S
TIE = 1e-6  # of the predicted loss, which decides where no draw improves
ROWS = 1000  # candidates scored together, by one thread


@dataclass(frozen=True)
class Improvement:
    """Minus what ``draws`` gain over ``best`` (S,), their lowest values so far, in place of a predicted loss.

    ``each`` maps over parts of the mixtures.
    """

    model: Ensemble
    draws: Draws
    best: np.ndarray
    each: Each = map

    def score(self, mixtures: np.ndarray, risk: float) -> np.ndarray:
        """(M,); the lowest is the best. A loss above its limit counts as it does in a recommendation."""

        def part(first: int) -> np.ndarray:
            some = mixtures[first : first + ROWS]
            gain = np.maximum(0, self.best - self.draws(some)).mean(axis=1)
            predicted = self.model.score(some, 0)
            above = predicted - self.model.mean(some)
            return np.asarray(TIE * predicted + above - gain)

        return np.concatenate(list(self.each(part, range(0, len(mixtures), ROWS))))


def points(evidence: Evidence, count: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The objectives, the proposals (count, K) and the regressors' weights (E,). Raises NoPosterior."""
    names = [list(evidence.losses)[i % len(evidence.losses)] for i in range(count)]
    weights, optimal = optima(evidence, evidence.whole())
    models = {name: best.model for name, best in zip(evidence.losses, optimal, strict=True)}
    draws = {name: model.draws(DRAWS, evidence.search.seed) for name, model in models.items()}
    proposals = np.empty((0, evidence.mixtures.shape[1]))
    with threadpool_limits(limits=1), ThreadPoolExecutor(evidence.workers) as pool:
        for i, name in enumerate(names):
            lowest = draws[name](np.vstack([evidence.mixtures, proposals])).min(axis=0)
            gain = Improvement(models[name], draws[name], lowest, pool.map)
            point = optimum(gain, evidence.rules, evidence.search, STREAM + i, evidence.starts(name))
            proposals = np.vstack([proposals, point])
    return names, proposals, weights
