"""A shuffled order that needs no memory: computes the i-th element of a permutation of range(size).

A Feistel network over the smallest even number of bits that holds ``size``, applied repeatedly until
the result is below ``size`` (cycle walking, Black and Rogaway 2002). An element costs the same at 1e12
windows as at a hundred.
"""

from __future__ import annotations

import numpy as np

_ROUNDS = 6


def shuffled(index: np.ndarray, size: int, key: int) -> np.ndarray:
    """The images of ``index`` (n,) int64 under permutation ``key`` (an int below 2**64) of range(``size``)."""
    half = np.uint64(max(1, (max(size - 1, 1).bit_length() + 1) // 2))
    mask = (np.uint64(1) << half) - np.uint64(1)
    out = index.astype(np.uint64)
    outside = np.ones(out.shape, dtype=bool)
    while outside.any():
        left, right = out[outside] >> half, out[outside] & mask
        for turn in range(_ROUNDS):
            left, right = right, left ^ (_mix(right, key + turn) & mask)
        out[outside] = (left << half) | right
        outside = out >= size
    return out.astype(np.int64)


def _mix(value: np.ndarray, key: int) -> np.ndarray:
    """A 64-bit hash of ``value`` under ``key`` (the finaliser of SplitMix64)."""
    z = value + np.uint64((key * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
