"""How losses change with model size for a fixed mixture: the order of mixtures, and an exponent.

RegMix-D converts a large model's loss to the proxy's size by ``loss * (P_large / P_small) ** beta``, with
beta = 0.05 for all domains. Given losses of the same mixtures at both sizes, beta is
``log(loss_small / loss_large) / log(P_large / P_small)``.

N mixtures trained at both sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from regmix.statistics import intervals, metrics
from regmix.statistics.intervals import Score

PARAMETERS = {"1m": 1e6, "60m": 6e7, "1b": 1e9}  # as the models are called in both papers; RegMix-D's ratio is 1000


def exponents(small: np.ndarray, large: np.ndarray, ratio: float) -> np.ndarray:
    """The exponent (N,) of every mixture, from its losses at both sizes; ``ratio`` is the ratio of parameters."""
    return np.log(small / large) / np.log(ratio)


def corrected(large: np.ndarray, ratio: float, beta: float) -> np.ndarray:
    """Losses (N,) of the large model, corrected to the small model's size (RegMix-D, Algorithm 2)."""
    return large * ratio**beta


def mean(values: np.ndarray, *, resamples: int, level: float, seed: int) -> Score:
    """The mean over mixtures (N,), with the percentile interval over resamples of them."""
    means = intervals.bootstrap(lambda sample: sample.mean(axis=-1), values, resamples=resamples, seed=seed)
    return intervals.score(values.mean(), means, level)


def correlations(small: pd.DataFrame, large: pd.DataFrame, domains: Sequence[str], *, resamples: int, level: float,
                 seed: int) -> pd.DataFrame:  # fmt: skip
    """first, second, value, low, high: Spearman of every loss at the small size with every loss at the large size."""
    rows = []
    for first in domains:
        for second in domains:
            pair = small[first].to_numpy(), large[second].to_numpy()
            rows.append([first, second, *metrics.correlation(*pair, resamples=resamples, level=level, seed=seed)])
    return pd.DataFrame(rows, columns=["first", "second", "value", "low", "high"])
