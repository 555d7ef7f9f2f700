"""Acquisition rules: what the mixture of the next proxy is to minimise, given the runs so far.

A rule returns a function of mixtures (M, K); the proposal is where it is lowest. All rules use the ensemble that
recommends, with the same weights, so they differ only in how they choose.

N runs, K domains, E regressors, M candidates, S posterior draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from regmix.core.runs import LossParts
from regmix.mixture.refits import resamples
from regmix.regression.ensemble import Ensemble, ObjectiveModel, by_part
from regmix.regression.interface import Model, Regressor, TooFewRuns
from regmix.regressors import effective_tokens, gp

DRAWS = 128  # of the posterior, for an expected improvement
FREQUENCIES = 1024  # of the random features of a Gaussian process's draws
TIE = 1e-6
RETRIES = 50  # resamples with too few distinct runs for a fit are drawn again
Function = Callable[[np.ndarray], np.ndarray]  # mixtures (M, K) -> values (M,), or (M, S) for S draws


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
        return Ensemble([by_part(one.fit, aim)(seen, losses, 0) for one in self.regressors], self.weights)

    @cached_property
    def whole(self) -> Ensemble:
        return self.fit()

    @cached_property
    def posterior(self) -> Function:
        return draws(self.whole, DRAWS, 0)


Rule = Callable[[Known, np.ndarray, int], Function]  # runs, proposals of this round so far (n, K), seed


def bootstrap(known: Known, pending: np.ndarray, seed: int) -> Function:
    """The project's rule: what would be recommended, had the runs been a bootstrap resample of themselves."""
    model = refit(known, seed)
    return lambda mixtures: model.score(mixtures, known.risk)


def refit(known: Known, seed: int) -> Ensemble:
    for rows in resamples(len(known.mixtures), RETRIES, seed):
        try:
            return known.fit(rows)
        except TooFewRuns:
            continue
    raise TooFewRuns(f"{len(known.mixtures)} runs are too few for a refit to part of them")


def expected_improvement(known: Known, pending: np.ndarray, seed: int) -> Function:
    """Minus the noisy expected improvement over the runs and the round's other proposals, one proposal after another
    (Letham et al. 2019; Balandat et al. 2020, the sequential greedy batch), by joint draws of the posterior.

    Where no draw improves, the lower predicted loss decides.
    """
    best = known.posterior(np.concatenate([known.mixtures, pending])).min(axis=0)

    def value(mixtures: np.ndarray) -> np.ndarray:
        gain = np.maximum(0, best - known.posterior(mixtures)).mean(axis=1)
        return TIE * known.whole.mean(mixtures) - gain

    return value


def thompson(known: Known, pending: np.ndarray, seed: int) -> Function:
    """One draw of the posterior."""
    draw = draws(known.whole, 1, seed)
    return lambda mixtures: draw(mixtures)[:, 0]


def greedy(known: Known, pending: np.ndarray, seed: int) -> Function:
    """What is recommended."""
    return lambda mixtures: known.whole.score(mixtures, known.risk)


def random(known: Known, pending: np.ndarray, seed: int) -> Function:
    """No rule."""
    return lambda mixtures: np.random.default_rng(seed).random(len(mixtures))


RULES: dict[str, Rule] = {rule.__name__: rule for rule in (bootstrap, expected_improvement, thompson, greedy, random)}


def draws(model: Ensemble, count: int, seed: int) -> Function:
    """``count`` joint draws (M, S) of an objective without noise: each of one member, drawn by its weight.

    The losses of an objective share their random numbers, because runs deviate from a regressor in all of them alike.
    """
    shares = np.random.default_rng(seed).multinomial(count, model.weights)
    parts = [_member(member, int(n), seed) for member, n in zip(model.members, shares, strict=True) if n]
    return lambda mixtures: np.hstack([part(mixtures) for part in parts])


def _member(member: ObjectiveModel, count: int, seed: int) -> Function:
    losses = [_draws(model, count, np.random.default_rng(seed + 1)) for model in member.models]

    def objective(mixtures: np.ndarray) -> np.ndarray:
        values = np.stack([loss(mixtures) for loss in losses], axis=-1)  # (M, S, D)
        return member.objective.of(values.reshape(-1, len(losses))).reshape(values.shape[:2])

    return objective


def _draws(model: Model, count: int, rng: np.random.Generator) -> Function:
    if isinstance(model, gp.Process):
        return process_draws(model, count, rng)
    assert isinstance(model, effective_tokens.Law)
    return law_draws(model, count, rng)


def law_draws(law: effective_tokens.Law, count: int, rng: np.random.Generator) -> Function:
    """Laplace's approximation, linear in the parameters as the law's own deviations are.

    Laws with drawn parameters would deviate many times as far, because the parameters compensate for each other.
    """
    steps = rng.multivariate_normal(np.zeros(len(law.free)), law.covariance, count)

    def posterior(mixtures: np.ndarray) -> np.ndarray:
        slopes = effective_tokens._law(law.free, np.log(np.maximum(mixtures, effective_tokens.FLOOR)))[1]
        return law.mean(mixtures)[:, None] + law.scale * slopes @ steps.T

    return posterior


def process_draws(process: gp.Process, count: int, rng: np.random.Generator) -> Function:
    """Functions drawn from the posterior: of the prior, by random features, corrected at the runs (Matheron's rule;
    Wilson et al. 2020). The frequencies of a Matern-5/2 kernel follow Student's t with 5 degrees of freedom.
    """
    runs, domains = process.inputs.shape
    frequencies = rng.standard_normal((FREQUENCIES, domains))
    frequencies /= np.sqrt(rng.chisquare(5, FREQUENCIES) / 5)[:, None]
    phases = rng.uniform(0, 2 * np.pi, FREQUENCIES)
    heights = rng.standard_normal((FREQUENCIES, count)) * np.sqrt(2 * process.signal / FREQUENCIES)

    def prior(inputs: np.ndarray) -> np.ndarray:
        return np.cos(inputs @ frequencies.T + phases) @ heights

    noisy = prior(process.inputs) + rng.standard_normal((runs, count)) * np.sqrt(process.noise)
    pull = process.weights[:, None] - process.root.T @ (process.root @ noisy)

    def posterior(mixtures: np.ndarray) -> np.ndarray:
        inputs = gp._features(mixtures, process.options.features) / process.lengths
        covariance = process.signal * gp._matern(gp._squared_distances(inputs, process.inputs))[0]
        value = (prior(inputs) + covariance @ pull) * process.scale + process.shift
        return value if process.floor is None else process.floor + np.exp(np.minimum(value, 500))

    return posterior
