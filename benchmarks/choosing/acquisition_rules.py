"""Acquisition rules: what the mixture of the next proxy is to minimise, given the runs so far.

A rule returns a function of mixtures (M, K); the proposal is where it is lowest. All rules use the ensemble that
recommends, with the same weights, so they differ only in how they choose.

N runs, K domains, E regressors, M candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from regmix.core.runs import LossParts
from regmix.mixture.acquisition.expected_improvement import DRAWS, Improvement
from regmix.mixture.refits import resamples
from regmix.regression.ensemble import Ensemble, by_part
from regmix.regression.interface import Draws, Regressor, TooFewRuns

RETRIES = 50  # resamples with too few distinct runs for a fit are drawn again
Function = Callable[[np.ndarray], np.ndarray]  # mixtures (M, K) -> values (M,)


@dataclass(frozen=True)
class Known:
    """The runs (N, K) so far with the losses of one objective, and the ``regressors`` with their ``weights`` (E,)."""

    mixtures: np.ndarray
    parts: LossParts
    regressors: Sequence[Regressor]
    weights: np.ndarray
    risk: float

    def fit(self, rows: np.ndarray | slice = slice(None)) -> Ensemble:
        seen, losses, aim = self.mixtures[rows], self.parts.losses[rows], self.parts.objective
        return Ensemble([by_part(regressor.fit, aim)(seen, losses, 0) for regressor in self.regressors], self.weights)

    @cached_property
    def whole(self) -> Ensemble:
        return self.fit()

    @cached_property
    def posterior(self) -> Draws:
        return self.whole.draws(DRAWS, 0)


Rule = Callable[[Known, np.ndarray, int], Function]  # runs, proposals of this round so far (n, K), seed


def bootstrap(state: Known, pending: np.ndarray, seed: int) -> Function:
    """The project's rule: what would be recommended, had the runs been a bootstrap resample of themselves."""
    model = refit(state, seed)
    return lambda mixtures: model.score(mixtures, state.risk)


def refit(state: Known, seed: int) -> Ensemble:
    for rows in resamples(len(state.mixtures), RETRIES, seed):
        try:
            return state.fit(rows)
        except TooFewRuns:
            continue
    raise TooFewRuns(f"{len(state.mixtures)} runs are too few for a refit to part of them")


def expected_improvement(state: Known, pending: np.ndarray, seed: int) -> Function:
    """Minus what joint draws of the posterior gain over the runs and the round's other proposals."""
    best = state.posterior(np.concatenate([state.mixtures, pending])).min(axis=0)
    return lambda mixtures: Improvement(state.whole, state.posterior, best).score(mixtures, 0)


def thompson(state: Known, pending: np.ndarray, seed: int) -> Function:
    """One draw of the posterior."""
    draw = state.whole.draws(1, seed)
    return lambda mixtures: draw(mixtures)[:, 0]


def greedy(state: Known, pending: np.ndarray, seed: int) -> Function:
    """What is recommended."""
    return lambda mixtures: state.whole.score(mixtures, state.risk)


def random(state: Known, pending: np.ndarray, seed: int) -> Function:
    """No rule."""
    return lambda mixtures: np.random.default_rng(seed).random(len(mixtures))


RULES: dict[str, Rule] = {rule.__name__: rule for rule in (bootstrap, expected_improvement, thompson, greedy, random)}
