"""The losses of one run on a CPU in float32, by the compiled kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from regmix.core.model_shape import ModelShape
from regmix.engine.compute import adamw, kernels
from regmix.engine.compute.stack import NONE, Stack
from regmix.engine.compute.threads import one_thread
from regmix.engine.run import RunState, Setup


class Kernels:
    """The kernels for one shape. Call them within ``one_thread``."""

    def __init__(self, shape: ModelShape) -> None:
        prepare()
        self.shape = shape
        self._sizes = (shape.layers, shape.heads, shape.width, shape.ffn, shape.vocab)
        frequencies = 10000.0 ** -(np.arange(0, shape.width // shape.heads, 2) / (shape.width // shape.heads))
        angles = frequencies[:, None] * np.arange(shape.context)
        self._cos, self._sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)

    def losses(
        self, flat: np.ndarray, tokens: np.ndarray, counts: np.ndarray | None = None, grad: np.ndarray = NONE
    ) -> np.ndarray:
        """See ``Losses``."""
        self.shape.check(tokens)
        B, T = tokens.shape[0], tokens.shape[1] - 1
        losses = np.empty((B, T), np.float32)
        counts = np.ones(B, np.float32) if counts is None else counts
        cos, sin = np.ascontiguousarray(self._cos[:, :T]), np.ascontiguousarray(self._sin[:, :T])
        kernels.losses_of(flat, tokens, counts, cos, sin, self._sizes, losses, grad)
        return losses


def compiled_stack(setup: Setup, states: Sequence[RunState]) -> Stack:
    """A stack of runs in float32."""
    return Stack(setup, states, Kernels(setup.shape).losses)


def score(shape: ModelShape, weights: Mapping[str, np.ndarray], tokens: np.ndarray) -> np.ndarray:
    """Loss (B, T) in nats of every token of tokens (B, T+1) under one trained model, in float32.

    Each sequence is scored separately, so that its bits do not depend on the others.
    """
    flat = np.concatenate([weights[name].reshape(-1) for name in shape.tensors()])
    compiled = Kernels(shape)
    with one_thread():
        return np.concatenate([compiled.losses(flat, row) for row in np.ascontiguousarray(tokens, np.int64)[:, None]])


@cache
def prepare() -> None:
    """Compile the kernels for this CPU, or load them from numba's cache; once, preferably before forking."""
    adamw.prepare()
    kernels.losses_of.compile(kernels.SIGNATURE)
    kernels.losses_of.disable_compile()
