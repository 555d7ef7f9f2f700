"""Decisions between two mixtures: how often one way of measuring agrees with another (DataDecide, arXiv 2504.11393).

N mixtures.
"""

from __future__ import annotations

import numpy as np

from regmix.statistics import intervals
from regmix.statistics.intervals import Score


def accuracy(true: np.ndarray, measured: np.ndarray, *, resamples: int, level: float, seed: int) -> Score:
    """The share of pairs of mixtures that ``measured`` (N,) orders as ``true`` (N,) does; a tie counts as half.

    The interval is over resamples of the mixtures; pairs of a mixture with itself do not count. NaN below two mixtures.
    """
    if len(true) < 2:
        return Score(np.nan, np.nan, np.nan)
    first, second = np.triu_indices(len(true), 1)
    agree = (1 + np.sign((true[first] - true[second]) * (measured[first] - measured[second]))) / 2
    counts = np.zeros((resamples, len(true)))
    rng = np.random.default_rng(seed)
    for row in counts:
        np.add.at(row, rng.integers(len(true), size=len(true)), 1)
    shares = counts[:, first] * counts[:, second]
    with np.errstate(invalid="ignore"):
        samples = shares @ agree / shares.sum(axis=1)
    return intervals.score(float(agree.mean()), samples, level)
