"""How well predicted losses fit true ones, with bootstrap intervals; and intervals of means and spreads.

R resamples, N runs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

METRICS = ("spearman", "mae", "rmse", "mse", "regret", "top_k")


class Score(NamedTuple):
    """A figure and its interval; NaN where it is not defined."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """NaN as null."""
        return {name: float(v) if math.isfinite(v) else None for name, v in self._asdict().items()}


def spearman(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Rank correlation along the last axis (N), ties sharing their mean rank; NaN where one side is constant."""
    ranks = [stats.rankdata(values, axis=-1) for values in (true, predicted)]
    first, second = (rank - rank.mean(axis=-1, keepdims=True) for rank in ranks)
    norm = np.sqrt((first**2).sum(axis=-1) * (second**2).sum(axis=-1))
    with np.errstate(invalid="ignore"):
        return np.asarray((first * second).sum(axis=-1) / np.where(norm > 0, norm, np.nan))


def mse(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Mean squared error along the last axis (N)."""
    return ((predicted - true) ** 2).mean(axis=-1)


def rmse(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Root mean squared error along the last axis (N), nats a token."""
    return np.sqrt(mse(true, predicted))


def mae(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Mean absolute error along the last axis (N), nats a token. The paper's "MSE" agrees with this."""
    return np.abs(predicted - true).mean(axis=-1)


def regret(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """True loss of the run predicted best, minus the best true loss, along the last axis (N)."""
    chosen = np.argmin(predicted, axis=-1)
    return np.take_along_axis(true, chosen[..., None], -1)[..., 0] - true.min(axis=-1)


def top_k(true: np.ndarray, predicted: np.ndarray, k: int) -> np.ndarray:
    """Share of the k truly best runs among the k predicted best, along the last axis (N); k is at most N."""
    k = min(k, true.shape[-1])
    best, chosen = (np.zeros(true.shape, bool) for _ in range(2))
    for flags, values in ((best, true), (chosen, predicted)):
        np.put_along_axis(flags, np.argsort(values, axis=-1, kind="stable")[..., :k], True, -1)
    return (best & chosen).sum(axis=-1) / k


def score(
    true: np.ndarray, predicted: np.ndarray, *, k: int, resamples: int, level: float, seed: int
) -> dict[str, Score]:
    """Every metric of METRICS for runs (N,), with the percentile interval over resamples of the runs.

    ``level`` is the interval's coverage. Resamples on which a metric is not defined are left out.
    """
    rows = np.random.default_rng(seed).integers(len(true), size=(resamples, len(true)))
    values, samples = _metrics(true, predicted, k), _metrics(true[rows], predicted[rows], k)
    return {name: Score(float(values[name]), *percentiles(samples[name], level)) for name in METRICS}


def margin(
    true: np.ndarray, predicted: np.ndarray, baseline: np.ndarray, *, resamples: int, level: float, seed: int
) -> Score:
    """Spearman of ``predicted`` less that of ``baseline``, all (N,), both on the same resamples of the runs."""
    rows = np.random.default_rng(seed).integers(len(true), size=(resamples, len(true)))
    values = spearman(true, predicted) - spearman(true, baseline)
    samples = spearman(true[rows], predicted[rows]) - spearman(true[rows], baseline[rows])
    return Score(float(values), *percentiles(samples, level))


def correlation(first: np.ndarray, second: np.ndarray, *, resamples: int, level: float, seed: int) -> Score:
    """Spearman of two measures (N,) of the same runs, with the percentile interval over resamples of the runs."""
    rows = np.random.default_rng(seed).integers(len(first), size=(resamples, len(first)))
    return Score(float(spearman(first, second)), *percentiles(spearman(first[rows], second[rows]), level))


def pooled_spread(values: np.ndarray, groups: np.ndarray, level: float) -> tuple[Score, int]:
    """Standard deviation of ``values`` (N,) around their group's mean, pooled, and its degrees of freedom.

    The interval is the chi-square one of normal noise. NaN and 0 if no group has two values.
    """
    _, group = np.unique(groups, return_inverse=True)
    counts = np.bincount(group)
    free = int((counts - 1).sum())
    if free == 0:
        return Score(math.nan, math.nan, math.nan), 0
    means = np.bincount(group, values) / counts
    squares = float(((values - means[group]) ** 2).sum())
    low, high = (math.sqrt(squares / stats.chi2.ppf(q, free)) for q in ((1 + level) / 2, (1 - level) / 2))
    return Score(math.sqrt(squares / free), low, high), free


def gain(baseline: np.ndarray, chosen: np.ndarray, level: float) -> Score:
    """Mean loss of the baseline's runs minus that of the chosen ones, with Welch's t interval.

    Positive is better. The interval is NaN unless both have two runs.
    """
    value = float(np.mean(baseline) - np.mean(chosen))
    if min(len(baseline), len(chosen)) < 2:
        return Score(value, math.nan, math.nan)
    if np.ptp(baseline) == np.ptp(chosen) == 0:
        return Score(value, value, value)
    interval = stats.ttest_ind(baseline, chosen, equal_var=False).confidence_interval(level)
    return Score(value, float(interval.low), float(interval.high))


def _metrics(true: np.ndarray, predicted: np.ndarray, k: int) -> dict[str, np.ndarray]:
    plain = {function.__name__: function(true, predicted) for function in (spearman, mae, rmse, mse, regret)}
    return plain | {"top_k": top_k(true, predicted, k)}


def percentiles(samples: np.ndarray, level: float) -> tuple[float, float]:
    """The interval of ``level`` coverage of ``samples``, those that are not finite left out; NaN of none."""
    defined = samples[np.isfinite(samples)]
    if len(defined) == 0:
        return math.nan, math.nan
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
