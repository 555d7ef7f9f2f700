"""A stack of runs in float32, by the compiled kernels: one run after the other, a flat array of parameters each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from regmix.core.model_shape import ModelShape
from regmix.engine.compute import adamw, kernels
from regmix.engine.compute.threads import one_thread
from regmix.engine.run import MOMENTS, RunState, Setup

_NONE = np.empty(0, np.float32)  # in the place of gradients that are not wanted


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
        self, flat: np.ndarray, tokens: np.ndarray, counts: np.ndarray | None = None, grad: np.ndarray = _NONE
    ) -> np.ndarray:
        """Loss (B, T) in nats of every token of tokens (B, T+1) int64 under the parameters flat (n,).

        ``grad`` (n,) is set to the gradients of their mean, in which a sequence counts ``counts`` (B,) times, or all
        alike. Raises InputError for a token outside the vocabulary, which the kernels would not notice.
        """
        self.shape.check(tokens)
        B, T = tokens.shape[0], tokens.shape[1] - 1
        losses = np.empty((B, T), np.float32)
        counts = np.ones(B, np.float32) if counts is None else counts
        cos, sin = np.ascontiguousarray(self._cos[:, :T]), np.ascontiguousarray(self._sin[:, :T])
        kernels.losses_of(flat, tokens, counts, cos, sin, self._sizes, losses, grad)
        return losses


class CompiledStack:
    """P runs in this process. The tensors of ``states`` become views of the stack's and so are always current."""

    def __init__(self, setup: Setup, states: Sequence[RunState]) -> None:
        self.setup, self.kernels, self._step = setup, Kernels(setup.shape), states[0].step
        flat = setup.shape.flat
        self._flat = {kind: np.stack([flat(one.tensors[kind]) for one in states]) for kind in ("weights", *MOMENTS)}
        self._grad = np.empty_like(self._flat["weights"][0])
        for p, state in enumerate(states):
            state.tensors = {kind: setup.shape.parts(rows[p]) for kind, rows in self._flat.items()}

    def step(self, tokens: np.ndarray, counts: np.ndarray | None, lr: float) -> tuple[np.ndarray, np.ndarray]:
        """One update on tokens (P, B, T+1) int64. Mean loss (P,) and each token's (P, B, T) in nats, before the update.

        In the mean a sequence counts as ``counts`` (P, B) float32 says, or all alike.
        """
        recipe, losses = self.setup.recipe, []
        self._step += 1
        beta1, beta2 = recipe.betas
        for p, (flat, first, second) in enumerate(zip(*self._flat.values(), strict=True)):
            losses.append(self.kernels.losses(flat, tokens[p], None if counts is None else counts[p], self._grad))
            adamw.update(
                flat, self._grad, first, second, self._step, lr, beta1, beta2, recipe.weight_decay, recipe.clip
            )
        each = np.stack(losses)
        counted = each if counts is None else each * counts[:, :, None]
        # Run by run: a mean over dimension 1 might change the order of its sums, and so the bits, with P.
        return np.stack([row.mean() for row in counted]), each

    def evaluate(self, logged: bool = False) -> dict[str, np.ndarray]:
        """Loss (P, W) in nats of every validation window by domain; with ``logged``, of the smaller set alone."""
        out = {}
        for name, windows in self.setup.windows.items():
            chosen = windows[self.setup.logged[name]] if logged else windows
            rows = [self.kernels.losses(flat, chosen).mean(-1) for flat in self._flat["weights"]]
            out[name] = np.stack(rows).astype(np.float64)
        return out

    def gather(self) -> None:
        """Bring the tensors of the states up to date; here they always are."""


def score(shape: ModelShape, weights: Mapping[str, np.ndarray], tokens: np.ndarray) -> np.ndarray:
    """Loss (B, T) in nats of every token of tokens (B, T+1) under one trained model, in float32.

    A sequence is scored by itself, so that its bits do not depend on its neighbours.
    """
    flat = np.concatenate([weights[name].reshape(-1) for name in shape.tensors()])
    compiled = Kernels(shape)
    with one_thread():
        return np.concatenate([compiled.losses(flat, row) for row in np.ascontiguousarray(tokens, np.int64)[:, None]])


@cache
def prepare() -> None:
    """Compile the kernels for this processor, or load them from numba's cache; once, best before the forks."""
    for function, signature in ((kernels.losses_of, kernels.SIGNATURE), (adamw.update, adamw.SIGNATURE)):
        function.compile(signature)
        function.disable_compile()  # for other types: an array that is read-only, say, is then refused
