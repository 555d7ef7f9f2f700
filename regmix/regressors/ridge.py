"""Ridge regression on the raw weights, penalty by cross-validation: the paper's linear model (section 3.2).

Prediction is linear in the weights, so its optimum is always a single domain: it can rank mixtures but not
choose one. Weights sum to 1, so coefficients are known only up to a constant; compare them with each other.
``sd`` is a single number, the root mean square of the out-of-fold residuals at the chosen penalty.

N runs, K domains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from regmix.core.settings import Strict
from regmix.regression.interface import Prediction, grouped_folds
from regmix.sampling.settings import LogGrid

MONOTONE = True


class Options(Strict):
    alphas: LogGrid
    folds: Annotated[int, Field(ge=2)]


@dataclass(frozen=True)
class Line:
    """Loss = ``intercept`` + mixture @ ``coefficients`` (K,)."""

    alpha: float
    intercept: float
    coefficients: np.ndarray
    residual: float

    def mean(self, mixtures: np.ndarray) -> np.ndarray:
        return self.intercept + mixtures @ self.coefficients

    def predict(self, mixtures: np.ndarray) -> Prediction:
        return Prediction(self.mean(mixtures), np.full(len(mixtures), self.residual))


def least_runs(domains: int, options: Options) -> int:
    """One per fold; ``grouped_folds`` sees to it."""
    return options.folds


def fit(mixtures: np.ndarray, losses: np.ndarray, options: Options, seed: int) -> Line:
    """Fit with the penalty from the grid that has the lowest out-of-fold squared error. Raises TooFewRuns."""
    alphas = np.geomspace(options.alphas.low, options.alphas.high, options.alphas.points)
    fold = grouped_folds(mixtures, options.folds, seed)
    squares = np.zeros(len(alphas))
    for left_out in range(options.folds):
        out = fold == left_out
        coefficients, intercepts = _solve(mixtures[~out], losses[~out], alphas)
        errors = mixtures[out] @ coefficients + intercepts - losses[out][:, None]
        squares += (errors**2).sum(axis=0)
    chosen = int(np.argmin(squares))
    coefficients, intercepts = _solve(mixtures, losses, alphas[chosen : chosen + 1])
    residual = float(np.sqrt(squares[chosen] / len(losses)))
    return Line(float(alphas[chosen]), float(intercepts[0]), coefficients[:, 0], residual)


def _solve(mixtures: np.ndarray, losses: np.ndarray, alphas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (K, A) and intercepts (A,) for all A penalties, from one decomposition; no intercept penalty."""
    center, level = mixtures.mean(axis=0), losses.mean()
    left, values, right = np.linalg.svd(mixtures - center, full_matrices=False)
    projected = left.T @ (losses - level)
    shrunk = values[:, None] / (values[:, None] ** 2 + alphas) * projected[:, None]
    coefficients = right.T @ shrunk
    return coefficients, level - center @ coefficients
