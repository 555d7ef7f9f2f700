"""Refits to part of the runs: which runs each sees, and what their spread says about a fit to all runs.

N runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np


def resamples(runs: int, count: int, seed: int) -> Iterator[np.ndarray]:
    """The distinct runs of ``count`` bootstrap resamples of N = ``runs``, as row numbers.

    Distinct, because two copies of one run would suggest to a Gaussian process that there is no noise.
    """
    for child in np.random.SeedSequence(seed).spawn(count):
        yield np.unique(np.random.default_rng(child).integers(runs, size=runs))


def stretch(folds: Sequence[np.ndarray], runs: int) -> float:
    """The factor for a standard deviation over refits to ``folds``: sqrt(b / (N - b)).

    It is that of a delete-d jackknife, where refits see b of N = ``runs`` runs on average.
    """
    seen = float(np.mean([len(fold) for fold in folds]))
    return math.sqrt(seen / (runs - seen))
