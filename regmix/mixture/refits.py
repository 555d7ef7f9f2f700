"""Refits to part of the runs: which runs each sees, and what their spread says of all runs.

N runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np


def resamples(runs: int, count: int, seed: int) -> Iterator[np.ndarray]:
    """The distinct runs of ``count`` bootstrap resamples of N = ``runs``, as row numbers.

    Distinct, for two copies of one run would tell a Gaussian process that there is no noise.
    """
    for child in np.random.SeedSequence(seed).spawn(count):
        yield np.unique(np.random.default_rng(child).integers(runs, size=runs))


def stretch(folds: Sequence[np.ndarray], runs: int) -> float:
    """What a standard deviation over refits to ``folds`` is multiplied by: sqrt(b / (N - b)).

    The factor of a delete-d jackknife, where refits see b of N = ``runs`` runs on average.
    """
    kept = float(np.mean([len(fold) for fold in folds]))
    return math.sqrt(kept / (runs - kept))
