"""Regressors vote by rank, so none counts for more because its scale is wider.

E regressors, M candidates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from regmix.regression.interface import Model, Prediction


def risk_scores(model: Model, mixtures: np.ndarray, risk: float) -> np.ndarray:
    """Predicted loss plus ``risk`` standard deviations (M,): uncertainty counts against a mixture."""
    if risk == 0:
        return model.mean(mixtures)
    mean, sd = model.predict(mixtures)
    return mean + risk * sd


def average_ranks(scores: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """The mean over regressors of each candidate's rank (M,); ``scores`` is (E, M), ties share their mean rank."""
    total = np.zeros(len(scores[0]))
    for row in scores:
        total += stats.rankdata(row)
    return total / len(scores)


def pooled(models: Sequence[Model], mixtures: np.ndarray) -> Prediction:
    """The equal-weight mixture of the regressors' predictions: its mean (M,) and its standard deviation (M,).

    The variance is the mean of their variances plus the variance between their means.
    """
    means, sds = (np.stack(part) for part in zip(*(model.predict(mixtures) for model in models), strict=True))
    return Prediction(means.mean(axis=0), np.sqrt((sds**2).mean(axis=0) + means.var(axis=0)))
