"""Fits of the laws: least squares by Levenberg and Marquardt's method, from several starts, with Laplace's deviations.

N runs, P parameters, M mixtures to predict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from regmix.regression.interface import Prediction

STEPS = 40  # of the search, at most
SETTLED = 1e-4  # the relative gain of a step below which a search stops
CHUNK = 1 << 16  # entries of a prediction computed together: few enough to stay in the cache

Curve = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""A law: parameters (P,) and mixtures (N, K), in the form it takes, to losses (N,) and their slopes (N, P)."""


class Fitted(NamedTuple):
    free: np.ndarray  # (P,)
    noise: float  # standard deviation of a run around the law
    covariance: np.ndarray  # (P, P), of ``free``
    cost: float  # squared errors, the penalty included


class _End(NamedTuple):
    free: np.ndarray  # (P,)
    errors: np.ndarray  # (N,)
    normal: np.ndarray  # (P, P), of the least squares, the penalty included
    cost: float


def fit(
    law: Curve, starts: Iterable[np.ndarray], mixtures: np.ndarray, losses: np.ndarray, bounds: np.ndarray,
    shrinkage: float, common: int,
) -> Fitted:  # fmt: skip
    """The best of the searches from ``starts`` (P,), within ``bounds`` (P, 2).

    ``shrinkage`` is a penalty on the squares of all parameters but the first ``common``, against squared errors.
    """
    penalty = np.where(np.arange(len(bounds)) < common, 0.0, shrinkage)
    ends = [_descend(law, start, mixtures, losses, penalty, bounds) for start in starts]
    best = min(ends, key=lambda end: end.cost)
    inverse = np.linalg.inv(best.normal)
    used = len(bounds) - shrinkage * np.trace(inverse[common:, common:])  # effective number of parameters
    noise = float(np.sqrt(best.errors @ best.errors / max(len(losses) - used, 1.0)))
    return Fitted(best.free, noise, noise**2 * inverse, best.cost)


def predict(law: Curve, fitted: Fitted, mixtures: np.ndarray, scale: float) -> Prediction:
    """The law's values (M,) as fitted, and in nats the spread of its parameters plus that of a run around it (M,).

    ``scale`` is what the losses were divided by for the fit.
    """
    mean, sd = np.empty(len(mixtures)), np.empty(len(mixtures))
    rows = max(1, CHUNK // len(fitted.free))
    for first in range(0, len(mixtures), rows):
        part = slice(first, first + rows)
        mean[part], slopes = law(fitted.free, mixtures[part])
        spread = scale**2 * np.einsum("mp,mp->m", slopes @ fitted.covariance, slopes)
        sd[part] = np.sqrt(spread + (scale * fitted.noise) ** 2)
    return Prediction(mean, sd)


def _descend(
    law: Curve, free: np.ndarray, mixtures: np.ndarray, losses: np.ndarray, penalty: np.ndarray, bounds: np.ndarray
) -> _End:
    """Where the search from the start ``free`` (P,) ends."""

    def state(free: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        value, slopes = law(free, mixtures)
        errors = value - losses
        return errors, slopes, float(errors @ errors + penalty @ free**2)

    errors, slopes, cost = state(free)
    damping, growth = 1e-2, 2.0
    for _ in range(STEPS):
        normal, downhill = slopes.T @ slopes + np.diag(penalty + 1e-9), slopes.T @ errors + penalty * free
        scales = np.diag(normal)
        step = np.linalg.solve(normal + damping * np.diag(scales), downhill)
        trial = np.clip(free - step, *bounds.T)
        tried, tried_slopes, tried_cost = state(trial)
        gain, expected = cost - tried_cost, step @ (damping * scales * step + downhill)
        if not gain > 0:
            damping, growth = damping * growth, 2 * growth
            continue
        free, errors, slopes, cost = trial, tried, tried_slopes, tried_cost
        damping, growth = max(damping * max(1 / 3, 1 - (2 * gain / expected - 1) ** 3), 1e-9), 2.0  # Nielsen's rule
        if gain < SETTLED * cost:
            break
    normal = slopes.T @ slopes + np.diag(penalty + 1e-9)
    return _End(free, errors, normal, cost)
