"""How two sets of measures of the same models relate: correlations, and which of them is strongest.

N models, D explaining measures (losses by domain), Q explained measures (scores by task), R resamples.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from regmix.statistics import intervals
from regmix.statistics.intervals import Score, bootstrap, percentiles


def correlations(
    explaining: pd.DataFrame, explained: pd.DataFrame, *, resamples: int, level: float, seed: int
) -> pd.DataFrame:
    """domain, task, value, low, high, first: Pearson's r of each pair of columns, over the models (N,).

    The interval is over resamples of the models; ``first`` is the share of resamples in which the domain has the
    highest r of all domains on the task.
    """
    x, y = explaining.to_numpy(), explained.to_numpy()
    samples = bootstrap(pearson, x, y, resamples=resamples, seed=seed, one_by_one=True)  # (R, D, Q)
    first = (samples == samples.max(axis=1, keepdims=True)).mean(axis=0)
    value = pearson(x, y)
    out = [
        [domain, task, value[d, q], *percentiles(samples[:, d, q], level), first[d, q]]
        for d, domain in enumerate(explaining)
        for q, task in enumerate(explained)
    ]
    return pd.DataFrame(out, columns=["domain", "task", "value", "low", "high", "first"])


def pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """r (D, Q) of the columns of ``x`` (N, D) with those of ``y`` (N, Q)."""
    first, second = (values - values.mean(axis=0) for values in (x, y))
    norms = np.sqrt((first**2).sum(axis=0))[:, None] * np.sqrt((second**2).sum(axis=0))
    return first.T @ second / norms


def explained(
    true: np.ndarray, predicted: np.ndarray, *, resamples: int, level: float, seed: int
) -> tuple[Score, np.ndarray]:
    """How much leave-one-out predictions (N,) reduce the squared error of the other models' mean, as a share of it.

    1 is perfect, below 0 is worse than the mean. Also returns the share on every resample of the models, so that
    two predictions can be compared on the same resamples. Rank correlation would mislead here: the mean of the
    other models always ranks in reverse order of the model left out.
    """
    n = len(true)
    squares = np.stack([(true - predicted) ** 2, (true - (true.sum() - true) / (n - 1)) ** 2])
    own, mean = bootstrap(lambda rows: squares[:, rows].sum(axis=-1), np.arange(n), resamples=resamples, seed=seed)
    samples = 1 - own / mean
    return intervals.score(1 - squares[0].sum() / squares[1].sum(), samples, level), samples
