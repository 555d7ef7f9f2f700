"""Gradient-boosted trees: the paper's regressor (section 3.2: 1000 iterations, rate 0.01, defaults otherwise).

``bags: 0`` is the paper's single model. Its ``sd`` is a single number, the root mean square of out-of-fold
residuals. LightGBM's default of 20 runs per leaf makes it a constant below 40 runs and poor below about 100; for a
small swarm use few leaves, a small ``min_rows`` and bags.

With ``bags`` the prediction is the mean of models fitted to bootstrap resamples of the runs, and ``sd`` is their
spread, scaled by one factor to match the error on the runs left out of the bags. The raw spread is too small by a
factor of two to three on the published tables, because it includes neither the seed noise nor the trees' bias.

One thread per fit: the result is the same to the bit on any number of cores.

N runs, K domains, M mixtures to predict.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import lightgbm
import numpy as np
from pydantic import Field

from regmix.core.settings import Count, Positive, Strict
from regmix.regression.interface import Prediction, TooFewRuns, grouped_folds
from regmix.regressors._forest import Forest

MONOTONE = False

MANY = 20000  # rows from which building a Forest pays off
FOLDS = 5  # for the deviation of a single model


class Options(Strict):
    trees: Count
    lr: Positive
    leaves: Annotated[int, Field(ge=2)]
    min_rows: Count  # fewest runs in a leaf
    bags: Literal[0] | Annotated[int, Field(ge=2)]  # bootstrap resamples; 0 is one model on all runs


class Booster:
    """One fitted model."""

    def __init__(self, mixtures: np.ndarray, losses: np.ndarray, options: Options, seed: int) -> None:
        self.model = lightgbm.train(_settings(options, seed), lightgbm.Dataset(mixtures, losses), options.trees)

    def predict(self, mixtures: np.ndarray) -> np.ndarray:
        if len(mixtures) >= MANY:
            return self._forest.predict(mixtures)
        return np.asarray(self.model.predict(mixtures, num_threads=1))

    @cached_property
    def _forest(self) -> Forest:
        return Forest(self.model.dump_model())


def stopping_point(
    train: tuple[np.ndarray, np.ndarray],
    valid: tuple[np.ndarray, np.ndarray],
    options: Options,
    rounds: int,
    seed: int,
) -> int:
    """The number of trees that early stopping keeps.

    Training stops once either error on ``valid``, the mean absolute or the mean squared, has not improved for
    ``rounds`` trees. ``train`` and ``valid`` are mixtures (N, K) and losses (N,).
    """
    training = lightgbm.Dataset(*train)
    stop = lightgbm.early_stopping(rounds, verbose=False)
    settings = _settings(options, seed) | {"metric": ["l1", "l2"]}
    unseen = lightgbm.Dataset(*valid, reference=training)
    model = lightgbm.train(settings, training, options.trees, valid_sets=[unseen], callbacks=[stop])
    return int(model.best_iteration) or options.trees


def _settings(options: Options, seed: int) -> dict[str, Any]:
    return {
        "learning_rate": options.lr,
        "num_leaves": options.leaves,
        "min_data_in_leaf": options.min_rows,
        "seed": seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }


@dataclass(frozen=True)
class Single:
    """The paper's model, with the runs it was fitted to: its deviation is computed on first use."""

    booster: Booster
    mixtures: np.ndarray
    losses: np.ndarray
    options: Options
    seed: int

    def mean(self, mixtures: np.ndarray) -> np.ndarray:
        return self.booster.predict(mixtures)

    def predict(self, mixtures: np.ndarray) -> Prediction:
        return Prediction(self.mean(mixtures), np.full(len(mixtures), self._residual))

    @cached_property
    def _residual(self) -> float:
        fold = grouped_folds(self.mixtures, FOLDS, self.seed)
        squares = 0.0
        for left_out in range(FOLDS):
            out = fold == left_out
            booster = Booster(self.mixtures[~out], self.losses[~out], self.options, self.seed)
            squares += float(((booster.predict(self.mixtures[out]) - self.losses[out]) ** 2).sum())
        return float(np.sqrt(squares / len(self.losses)))


@dataclass(frozen=True)
class Bag:
    """Models fitted to bootstrap resamples, and the ratio of the out-of-bag error to their spread."""

    boosters: list[Booster]
    stretch: float

    def mean(self, mixtures: np.ndarray) -> np.ndarray:
        return self.predict(mixtures).mean

    def predict(self, mixtures: np.ndarray) -> Prediction:
        each = np.stack([booster.predict(mixtures) for booster in self.boosters])
        return Prediction(each.mean(axis=0), self.stretch * each.std(axis=0, ddof=1))


def least_runs(domains: int, options: Options) -> int:
    """With fewer runs no split is possible, so the model is a constant; a single model also needs folds."""
    return max(2 * options.min_rows, 0 if options.bags else FOLDS)


def fit(mixtures: np.ndarray, losses: np.ndarray, options: Options, seed: int) -> Single | Bag:
    """Raises TooFewRuns below ``least_runs``."""
    runs = len(losses)
    if runs < (least := least_runs(mixtures.shape[1], options)):
        raise TooFewRuns(
            f"min_rows = {options.min_rows} needs at least {least} runs and there are {runs}: the model "
            f"would be a constant; train more proxies, or for a small swarm set leaves: 6, min_rows: 5, bags: 6"
        )
    if options.bags == 0:
        return Single(Booster(mixtures, losses, options, seed), mixtures, losses, options, seed)
    rng = np.random.default_rng(seed)
    resamples = rng.integers(runs, size=(options.bags, runs))
    boosters = [Booster(mixtures[rows], losses[rows], options, seed + bag) for bag, rows in enumerate(resamples)]
    return Bag(boosters, _stretch(boosters, resamples, mixtures, losses))


def _stretch(boosters: list[Booster], resamples: np.ndarray, mixtures: np.ndarray, losses: np.ndarray) -> float:
    """Root mean square error over root mean square spread, by the bags that left each run out; at least 1."""
    each = np.stack([booster.predict(mixtures) for booster in boosters])
    for row, members in zip(each, resamples, strict=True):
        row[members] = np.nan
    seen = (~np.isnan(each)).sum(axis=0) >= 2
    if not seen.any():
        return 1.0
    errors = np.nanmean(each[:, seen], axis=0) - losses[seen]
    spread = np.nanvar(each[:, seen], axis=0, ddof=1).mean()
    return max(1.0, float(np.sqrt((errors**2).mean() / spread))) if spread > 0 else 1.0
