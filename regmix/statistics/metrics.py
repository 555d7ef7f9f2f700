"""How well predicted losses fit true ones, with bootstrap intervals.

R resamples, N runs.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from regmix.statistics import intervals
from regmix.statistics.intervals import Score, bootstrap

METRICS = ("spearman", "mae", "rmse", "mse", "regret", "top_k")


def spearman(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Rank correlation along the last axis (N); ties share their mean rank; NaN if either side is constant."""
    ranks = [stats.rankdata(values, axis=-1) for values in (true, predicted)]
    first, second = (rank - rank.mean(axis=-1, keepdims=True) for rank in ranks)
    norm = np.sqrt((first**2).sum(axis=-1) * (second**2).sum(axis=-1))
    with np.errstate(invalid="ignore"):
        return np.asarray((first * second).sum(axis=-1) / np.where(norm > 0, norm, np.nan))


def mse(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Mean squared error along the last axis (N)."""
    return ((predicted - true) ** 2).mean(axis=-1)


def rmse(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Root mean squared error along the last axis (N), nats per token."""
    return np.sqrt(mse(true, predicted))


def mae(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Mean absolute error along the last axis (N), nats per token. The paper's "MSE" matches this."""
    return np.abs(predicted - true).mean(axis=-1)


def regret(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """True loss of the run predicted to be best minus the best true loss, along the last axis (N)."""
    chosen = np.argmin(predicted, axis=-1)
    return np.take_along_axis(true, chosen[..., None], -1)[..., 0] - true.min(axis=-1)


def top_k(true: np.ndarray, predicted: np.ndarray, k: int) -> np.ndarray:
    """Share of the k truly best runs among the k predicted best, along the last axis (N); k is capped at N."""
    k = min(k, true.shape[-1])
    best, chosen = (np.zeros(true.shape, bool) for _ in range(2))
    for flags, values in ((best, true), (chosen, predicted)):
        np.put_along_axis(flags, np.argsort(values, axis=-1, kind="stable")[..., :k], True, -1)
    return (best & chosen).sum(axis=-1) / k


def score(
    true: np.ndarray, predicted: np.ndarray, *, k: int, resamples: int, level: float, seed: int
) -> dict[str, Score]:
    """Every metric in METRICS for runs (N,), with the percentile interval over resamples of the runs.

    ``level`` is the interval's coverage. Resamples on which a metric is undefined are left out.
    """

    def metrics(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        values = [function(true, predicted) for function in (spearman, mae, rmse, mse, regret)]
        return np.stack([*values, top_k(true, predicted, k)])

    values, samples = metrics(true, predicted), bootstrap(metrics, true, predicted, resamples=resamples, seed=seed)
    return {
        name: intervals.score(*pair, level)
        for name, pair in zip(METRICS, zip(values, samples, strict=True), strict=True)
    }


def margin(
    true: np.ndarray, predicted: np.ndarray, baseline: np.ndarray, *, resamples: int, level: float, seed: int
) -> Score:
    """Spearman of ``predicted`` minus that of ``baseline``, all (N,), both on the same resamples of the runs."""

    def difference(true: np.ndarray, predicted: np.ndarray, baseline: np.ndarray) -> np.ndarray:
        return spearman(true, predicted) - spearman(true, baseline)

    columns = true, predicted, baseline
    return intervals.score(difference(*columns), bootstrap(difference, *columns, resamples=resamples, seed=seed), level)


def correlation(first: np.ndarray, second: np.ndarray, *, resamples: int, level: float, seed: int) -> Score:
    """Spearman of two measures (N,) of the same runs, with the percentile interval over resamples of the runs."""
    samples = bootstrap(spearman, first, second, resamples=resamples, seed=seed)
    return intervals.score(spearman(first, second), samples, level)
