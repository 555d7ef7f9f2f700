"""A run's update on a CPU in float32, compiled: gradients clipped by their norm, then AdamW.

Weight decay applies to every parameter, as in the paper's code.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit, types

EPS = np.float32(1e-8)
LEAST = np.float32(1e-37)  # smaller moments are set to 0: CPUs are slow on numbers below float32's normal range

_ZERO, _ONE = np.float32(0), np.float32(1)
_ROW = types.float32[::1]
SIGNATURE = types.void(_ROW, _ROW, _ROW, _ROW, types.int64, *[types.float64] * 5)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz", "arcp"})
def update(weights, grad, first, second, step, lr, beta1, beta2, decay, clip):
    """Update weights (n,) and the moments first and second (n,) in place by grad (n,); ``step`` counts from 1.

    Gradients whose norm exceeds ``clip`` are scaled down to it. Follows Loshchilov and Hutter (2019), with the moments
    and the positions of eps and decay as in torch's AdamW.
    """
    norm = 0.0
    for i in range(len(grad)):
        norm += np.float64(grad[i]) * np.float64(grad[i])
    norm = np.sqrt(norm)
    # A NaN norm is not clipped, so that the next loss shows it.
    scale = np.float32(clip / (norm + 1e-6)) if norm > clip else _ONE
    keep, a1, a2 = np.float32(1 - lr * decay), np.float32(1 - beta1), np.float32(beta2)
    b2 = np.float32(1 - beta2)
    rate, root = np.float32(lr / (1 - beta1**step)), np.float32(1 / np.sqrt(1 - beta2**step))
    for i in range(len(weights)):
        g = grad[i] * scale
        m, v = first[i] + (g - first[i]) * a1, second[i] * a2 + g * g * b2
        m, v = _ZERO if abs(m) < LEAST else m, _ZERO if v < LEAST else v
        first[i], second[i] = m, v
        weights[i] = weights[i] * keep - rate * m / (np.sqrt(v) * root + EPS)


@cache
def prepare() -> None:
    """Compile ``update`` for this CPU, or load it from numba's cache."""
    update.compile(SIGNATURE)
    update.disable_compile()  # for other types: a read-only array, for example, is then rejected
