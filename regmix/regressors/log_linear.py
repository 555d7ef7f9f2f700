"""The mixing law: loss = c + exp(t . w), one exponent per domain (Data Mixing Laws, equation 1; t includes the scale).

On the published tables it ranks worse than a Gaussian process near the proxies and transfers better to larger
models. A single exponential is monotone along any direction: its optimum is always one domain, so it can rank
mixtures but not choose one. ``sd`` is a single number, the root of the residual variance after K + 1 parameters.

N runs, K domains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from regmix.core.settings import Count, Strict
from regmix.regression.interface import Prediction, TooFewRuns

MONOTONE = True

LARGEST = 50.0  # cap on exponents during the search: exp of more could overflow when squared


class Options(Strict):
    starts: Count  # values of the floor c to start the search from


@dataclass(frozen=True)
class Law:
    """Loss = ``floor`` + exp(mixture @ ``exponents`` (K,))."""

    floor: float
    exponents: np.ndarray
    residual: float

    def mean(self, mixtures: np.ndarray) -> np.ndarray:
        return self.floor + np.exp(np.minimum(mixtures @ self.exponents, LARGEST))

    def predict(self, mixtures: np.ndarray) -> Prediction:
        return Prediction(self.mean(mixtures), np.full(len(mixtures), self.residual))


def least_runs(domains: int, options: Options) -> int:
    """One more than parameters."""
    return domains + 2


def fit(mixtures: np.ndarray, losses: np.ndarray, options: Options, seed: int) -> Law:
    """Least squares from several starts: a floor, with the exponents that fit log(loss - floor) linearly.

    Deterministic; ``seed`` is not used. Raises TooFewRuns below ``least_runs``.
    """
    runs, domains = mixtures.shape
    if runs < (least := least_runs(domains, options)):
        raise TooFewRuns(f"{runs} runs cannot determine {domains + 1} parameters; train at least {least} proxies")
    spread = max(float(np.ptp(losses)), 1e-6)

    def errors(free: np.ndarray) -> np.ndarray:
        return free[0] + np.exp(np.minimum(mixtures @ free[1:], LARGEST)) - losses

    def slopes(free: np.ndarray) -> np.ndarray:
        return np.column_stack([np.ones(runs), np.exp(np.minimum(mixtures @ free[1:], LARGEST))[:, None] * mixtures])

    results = []
    for margin in np.geomspace(0.05, 1.0, options.starts) if options.starts > 1 else [0.2]:
        floor = losses.min() - margin * spread
        exponents = np.linalg.lstsq(mixtures, np.log(losses - floor), rcond=None)[0]
        results.append(optimize.least_squares(errors, np.append(floor, exponents), jac=slopes, x_scale="jac"))
    best = min(results, key=lambda result: result.cost)
    residual = float(np.sqrt(2 * best.cost / (runs - domains - 1)))
    return Law(float(best.x[0]), best.x[1:], residual)
