"""Figures with intervals: a value and its bounds, percentiles of resamples, spreads and differences of means."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats


class Score(NamedTuple):
    """A figure and its interval; NaN where it is not defined."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """NaN as null."""
        return {name: float(v) if math.isfinite(v) else None for name, v in self._asdict().items()}


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


def percentiles(samples: np.ndarray, level: float) -> tuple[float, float]:
    """The interval of ``level`` coverage of ``samples``, those that are not finite left out; NaN of none."""
    defined = samples[np.isfinite(samples)]
    if len(defined) == 0:
        return math.nan, math.nan
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
