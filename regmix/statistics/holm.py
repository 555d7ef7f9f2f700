"""Holm's correction: of many comparisons, how many exclude zero beyond what chance alone gives?"""

from __future__ import annotations

import numpy as np
from scipy import stats


def adjusted(p: np.ndarray) -> np.ndarray:
    """The p-values (N,) adjusted by Holm (1979): if nothing differs, any is below alpha with probability alpha.

    NaN stays NaN and counts as no comparison.
    """
    out, known = np.full(len(p), np.nan), np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    out[order] = np.minimum(1, np.maximum.accumulate(p[order] * factors))
    return out


def paired(mean: np.ndarray, sd: np.ndarray, n: np.ndarray) -> np.ndarray:
    """p of two-sided t tests that mean differences (N,) over ``n`` pairs (N,) are zero; NaN without a spread."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(mean) * np.sqrt(n) / sd
        return np.asarray(np.where((n > 1) & (sd > 0), 2 * stats.t.sf(t, np.maximum(n - 1, 1)), np.nan))
