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


def ranks(scores: np.ndarray) -> np.ndarray:
    """The rank of each candidate (M,), from 1 for the lowest score; ties share their mean rank."""
    return np.asarray(stats.rankdata(scores))


def average(votes: Sequence[np.ndarray]) -> np.ndarray:
    """The mean over regressors of each candidate's rank (M,); ``votes`` are E arrays (M,)."""
    total = np.zeros(len(votes[0]))
    for vote in votes:
        total += vote
    return total / len(votes)


def pooled(models: Sequence[Model], mixtures: np.ndarray) -> Prediction:
    """The equal-weight mixture of the regressors' predictions: its mean (M,) and its standard deviation (M,).

    The variance is the mean of their variances plus the variance between their means.
    """
    means, sds = (np.stack(part) for part in zip(*(model.predict(mixtures) for model in models), strict=True))
    return Prediction(means.mean(axis=0), np.sqrt((sds**2).mean(axis=0) + means.var(axis=0)))
