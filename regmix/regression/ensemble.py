"""Combined predictions: an objective's from those of its domains, an ensemble's from those of its regressors.

The loss of each domain is a function of its own, so each is fitted by itself, also where an objective is their mean.
An ensemble's weights are chosen by stacking: those with which its predictions of unseen runs are best.

E regressors, D losses of an objective, N runs, K domains, M mixtures to predict, S posterior draws.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

from regmix.core.errors import InputError
from regmix.core.forked import mapped
from regmix.core.objective import Objective
from regmix.core.runs import LossParts
from regmix.regression.interface import Bayesian, Draws, Fit, Model, Prediction, Regressor, grouped_folds, is_linear

PENALTY = 10.0  # for each nat above a limit
FOLDS = 5  # of the cross-validation that weighs the regressors


class NoPosterior(InputError):
    """A regressor of the ensemble has none."""


@dataclass(frozen=True)
class ObjectiveModel:
    """One regressor's prediction of an objective, from its models (D) of the losses in it.

    A run's losses deviate from the regressor together: the mean over eleven domains is as noisy as one of them. So
    deviations are added as they are, and not their squares.
    """

    models: Sequence[Model]
    objective: Objective

    def losses(self, mixtures: np.ndarray) -> np.ndarray:
        """The predicted losses (M, D)."""
        return np.column_stack([model.mean(mixtures) for model in self.models])

    def mean(self, mixtures: np.ndarray) -> np.ndarray:
        return self.objective.of(self.losses(mixtures))

    def predict(self, mixtures: np.ndarray) -> Prediction:
        parts = zip(*(model.predict(mixtures) for model in self.models), strict=True)
        losses, sds = (np.column_stack(part) for part in parts)
        return Prediction(self.objective.of(losses), (self.objective.slopes(losses) * sds).sum(axis=1))

    def draws(self, count: int, seed: int) -> Draws:
        """S = ``count`` draws, whose losses share their random numbers, because runs deviate in all of them together.

        Raises NoPosterior.
        """
        models = [model for model in self.models if isinstance(model, Bayesian)]
        if len(models) < len(self.models):
            raise NoPosterior(
                "params.yaml: mixture.ensemble: a regressor has no posterior to draw from; use those of kind "
                "effective_tokens, gp or gp_on_law, or in swarm.rounds `acquisition: bootstrap`"
            )
        parts = [model.draws(count, np.random.default_rng(seed)) for model in models]

        def objective(mixtures: np.ndarray) -> np.ndarray:
            losses = np.stack([part(mixtures) for part in parts], axis=-1)  # (M, S, D)
            return self.objective.of(losses.reshape(-1, len(parts))).reshape(losses.shape[:2])

        return objective

    @property
    def coefficients(self) -> np.ndarray:
        """(K,), if the models are linear and the objective is."""
        linear = [model for model in self.models if is_linear(model)]
        if len(linear) < len(self.models) or self.objective.references is not None:
            raise AttributeError("coefficients")
        return self.objective.weights @ np.stack([model.coefficients for model in linear])


@dataclass(frozen=True)
class Ensemble:
    """The weighted mean of several regressors' predictions of an objective."""

    members: Sequence[ObjectiveModel]
    weights: np.ndarray  # (E,), sum 1

    def parts(self, mixtures: np.ndarray) -> Prediction:
        """The members' predictions, means (E, M) and deviations (E, M)."""
        return Prediction(*map(np.stack, zip(*(model.predict(mixtures) for model in self.members), strict=True)))

    def mean(self, mixtures: np.ndarray) -> np.ndarray:
        return self.weights @ np.stack([model.mean(mixtures) for model in self.members])

    def predict(self, mixtures: np.ndarray) -> Prediction:
        """The variance is the members', plus that between their means."""
        means, sds = self.parts(mixtures)
        mean = self.weights @ means
        return Prediction(mean, np.sqrt(self.weights @ (sds**2 + (means - mean) ** 2)))

    def draws(self, count: int, seed: int) -> Draws:
        """S = ``count`` joint draws without a run's noise, each of a member drawn by its weight. Raises NoPosterior."""
        shares = np.random.default_rng(seed).multinomial(count, self.weights)
        parts = [member.draws(int(n), seed + 1) for member, n in zip(self.members, shares, strict=True) if n]
        return lambda mixtures: np.hstack([part(mixtures) for part in parts])

    def excess(self, mixtures: np.ndarray) -> np.ndarray:
        """The predicted excess (M, D) over the objective's limits."""
        parts = [member.losses(mixtures) for member in self.members]
        return self.members[0].objective.excess(np.tensordot(self.weights, parts, 1))

    def score(self, mixtures: np.ndarray, risk: float) -> np.ndarray:
        """Predicted loss plus ``risk`` standard deviations (M,): uncertainty counts against a mixture.

        So does a loss above its limit, so much that no gain is worth it.
        """
        mean, sd = (self.mean(mixtures), 0) if risk == 0 else self.predict(mixtures)
        if self.members[0].objective.limits is not None:
            mean = mean + PENALTY * self.excess(mixtures).sum(axis=1)
        return np.asarray(mean + risk * sd)


def together(
    regressors: Sequence[Regressor], weights: np.ndarray, mixtures: np.ndarray, losses: LossParts, seed: int
) -> Ensemble:
    """The regressors, with ``weights`` (E,), fitted to runs (N, K) and an objective's ``losses`` (N, D)."""
    fits = [by_part(regressor.fit, losses.objective) for regressor in regressors]
    return Ensemble([fit(mixtures, losses.losses, seed) for fit in fits], weights)


def by_part(fit: Fit, objective: Objective) -> Callable[[np.ndarray, np.ndarray, int], ObjectiveModel]:
    """``fit`` for an objective: of its losses (N, D), each is fitted by itself."""

    def fit_parts(mixtures: np.ndarray, losses: np.ndarray, seed: int) -> ObjectiveModel:
        return ObjectiveModel([fit(mixtures, part, seed) for part in losses.T], objective)

    return fit_parts


def cached(fit: Fit) -> Fit:
    """``fit`` that returns its earlier model for the same runs: objectives share domains."""
    models: dict[tuple[bytes, bytes, int], Model] = {}

    def fit_once(mixtures: np.ndarray, losses: np.ndarray, seed: int) -> Model:
        key = mixtures.tobytes(), losses.tobytes(), seed
        if key not in models:
            models[key] = fit(mixtures, losses, seed)
        return models[key]

    return fit_once


def fitted(
    regressors: Sequence[Regressor], data: Iterable[tuple[np.ndarray, LossParts]], seed: int, workers: int
) -> list[Regressor]:
    """The regressors, with their fits to each loss of ``data``, mixtures (N, K) and losses (N, D), at hand: objectives
    share domains, and ``workers`` processes fit faster than one. Raises TooFewRuns.
    """
    columns = {(mixtures.tobytes(), column.tobytes()): (mixtures, column)
               for mixtures, parts in data for column in parts.losses.T}  # fmt: skip
    jobs = list(itertools.product(range(len(regressors)), columns))

    def fit(job: tuple[int, tuple[bytes, bytes]]) -> Model:
        number, column = job
        return regressors[number].fit(*columns[column], seed)

    models = mapped(fit, jobs, workers)
    known = dict(zip(jobs, models, strict=True))

    def lookup(number: int) -> Fit:
        return lambda mixtures, losses, seed: known[number, (mixtures.tobytes(), losses.tobytes())]

    return [replace(regressor, fit=lookup(number)) for number, regressor in enumerate(regressors)]


def stack(
    regressors: Sequence[Regressor], mixtures: np.ndarray, losses: Mapping[str, LossParts], seed: int, workers: int = 1
) -> np.ndarray:
    """Weights (E,), none negative, sum 1, with which the regressors together best predict unseen runs.

    By cross-validation, with errors on all losses of all objectives in ``losses`` counted together, each in its own
    standard deviations: those of one loss over dozens of runs are too few to weigh regressors by. ``workers`` are
    processes. Raises TooFewRuns.
    """
    if len(regressors) == 1:
        return np.ones(1)
    columns = {part.tobytes(): part for parts in losses.values() for part in parts.losses.T}.values()
    fold = grouped_folds(mixtures, FOLDS, seed)

    def unseen(job: tuple[Regressor, np.ndarray]) -> np.ndarray:
        regressor, column = job
        out = np.empty(len(column))
        for left_out in range(FOLDS):
            rows = fold == left_out
            out[rows] = regressor.fit(mixtures[~rows], column[~rows], seed).mean(mixtures[rows])
        return (out - column.mean()) / (column.std() or 1.0)

    jobs = [(regressor, column) for regressor in regressors for column in columns]
    predicted: np.ndarray = np.reshape(mapped(unseen, jobs, workers), (len(regressors), -1))
    true = np.concatenate([(column - column.mean()) / (column.std() or 1.0) for column in columns])
    return weigh(predicted, true)


def weigh(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Weights (E,), none negative, sum 1, with which ``predicted`` (E, R) is nearest to ``true`` (R,)."""
    heavy = 1e3 * np.sqrt(len(true))  # the row that makes the weights sum to 1
    rows = np.vstack([predicted.T, np.full(len(predicted), heavy)])
    weights = optimize.nnls(rows, np.append(true, heavy))[0]
    return np.asarray(weights / weights.sum())
