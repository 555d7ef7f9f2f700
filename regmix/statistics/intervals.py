"""Values with intervals: the bootstrap, spreads, and differences of means.

N rows, R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import stats


class Score(NamedTuple):
    """A value and its interval; NaN where undefined."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """NaN becomes null."""
        return {name: float(v) if math.isfinite(v) else None for name, v in self._asdict().items()}


def pooled_spread(values: np.ndarray, groups: np.ndarray, level: float) -> tuple[Score, int]:
    """Pooled standard deviation of ``values`` (N,) around their group's mean, and its degrees of freedom.

    The interval is the chi-square interval for normal noise. NaN and 0 if no group has two values.
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


def paired_spread(values: np.ndarray, groups: np.ndarray, seeds: np.ndarray, level: float) -> tuple[Score, int]:
    """``pooled_spread`` without what the runs (N,) of a seed have in common: the noise of a difference of two runs with
    one seed is sqrt(2) times this. Only groups with a run of every seed count.
    """
    (names, row), (numbers, column) = (np.unique(part, return_inverse=True) for part in (groups, seeds))
    table = np.full((len(names), len(numbers)), np.nan)
    table[row, column] = values
    rows = table[np.isfinite(table).all(axis=1)]
    free = (len(rows) - 1) * (len(numbers) - 1)
    if free < 1:
        return Score(math.nan, math.nan, math.nan), 0
    rest = rows - rows.mean(axis=0) - rows.mean(axis=1, keepdims=True) + rows.mean()
    squares = float((rest**2).sum())
    low, high = (math.sqrt(squares / stats.chi2.ppf(q, free)) for q in ((1 + level) / 2, (1 - level) / 2))
    return Score(math.sqrt(squares / free), low, high), free


def gain(baseline: np.ndarray, chosen: np.ndarray, level: float) -> Score:
    """Mean loss of the baseline's runs (n,) minus that of the chosen runs (n,), paired by seed, with a t interval.

    Positive is better. The interval is NaN below two pairs.
    """
    differences = baseline - chosen
    value = float(differences.mean())
    if len(differences) < 2:
        return Score(value, math.nan, math.nan)
    half = float(stats.t.ppf((1 + level) / 2, len(differences) - 1) * stats.sem(differences))
    return Score(value, value - half, value + half)


def bootstrap(
    statistic: Callable[..., np.ndarray],
    *columns: np.ndarray,
    resamples: int,
    seed: int | np.random.Generator,
    one_by_one: bool = False,
) -> np.ndarray:
    """``statistic`` (R, ...) of ``columns`` (N, ...) on resamples of their rows, the same rows for every column.

    ``statistic`` takes all resamples at once, as columns (R, N, ...); with ``one_by_one``, one at a time, as (N, ...).
    The same seed gives the same resamples for every statistic, so differences of two results are paired.
    """
    count = len(columns[0])
    rows = np.random.default_rng(seed).integers(count, size=(resamples, count))
    if one_by_one:
        return np.stack([statistic(*(column[sample] for column in columns)) for sample in rows])
    return statistic(*(column[rows] for column in columns))


def score(value: float | np.ndarray, samples: np.ndarray, level: float) -> Score:
    """A value with the percentile interval of its bootstrap ``samples`` (R,)."""
    return Score(float(value), *percentiles(samples, level))


def percentiles(samples: np.ndarray, level: float) -> tuple[float, float]:
    """The interval of ``level`` coverage of the finite ``samples``; NaN if there are none."""
    defined = samples[np.isfinite(samples)]
    if len(defined) == 0:
        return math.nan, math.nan
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
