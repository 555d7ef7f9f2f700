"""Compare methods over tasks, from tables with one score per task and method.

A sign test asks whether a method wins more tasks than chance would give; it ignores the noise of each score.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from regmix.statistics.intervals import bootstrap, percentiles


def compare(scores: pd.DataFrame, *, resamples: int, level: float, seed: int) -> pd.DataFrame:
    """first, second, n, wins, ties, losses, p, value, low, high for all pairs of columns of ``scores``.

    Each row is a task; higher is better. ``p`` is that of the two-sided sign test, ties excluded; ``value`` is the
    mean difference, first minus second, with the percentile interval over resamples of the tasks.
    """
    out = []
    for first, second in itertools.combinations(scores, 2):
        less = np.round(scores[first].to_numpy() - scores[second].to_numpy(), 9)
        wins, losses = int((less > 0).sum()), int((less < 0).sum())
        p = float(stats.binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
        means = bootstrap(lambda values: values.mean(axis=-1), less, resamples=resamples, seed=seed)
        edges = percentiles(means, level)
        out.append([first, second, len(less), wins, len(less) - wins - losses, losses, p, less.mean(), *edges])
    columns = ["first", "second", "n", "wins", "ties", "losses", "p", "value", "low", "high"]
    return pd.DataFrame(out, columns=columns)


def best_on(scores: pd.DataFrame) -> pd.Series:
    """How many tasks each column is best on; a tie counts for every column in it."""
    return scores.eq(scores.max(axis=1), axis=0).sum()


def averages(scores: pd.DataFrame, tasks: Sequence[str]) -> pd.Series:
    """The mean of each column over ``tasks``."""
    return scores.loc[list(tasks)].mean()
