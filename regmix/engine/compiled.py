"""A stack of runs in float32, by the compiled kernels: one run after the other, a flat array of parameters each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache

import numpy as np
import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor

from regmix.engine import kernels
from regmix.engine.optimizer import MOMENTS, AdamW, clip_each
from regmix.engine.run import RunState, Setup
from regmix.errors import InputError
from regmix.shape import ModelShape

_NONE = np.empty(0, np.float32)  # in the place of gradients that are not wanted


class Kernels:
    """The kernels for one shape. Call them within ``one_thread``."""

    def __init__(self, shape: ModelShape) -> None:
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
        if tokens.min() < 0 or tokens.max() >= self.shape.vocab:
            raise InputError(
                f"token {tokens.max()} is outside the vocabulary of {self.shape.vocab}; a token file is damaged: "
                "delete data/corpus_tokenize and run `dvc repro` again"
            )
        B, T = tokens.shape[0], tokens.shape[1] - 1
        losses = np.empty((B, T), np.float32)
        counts = np.ones(B, np.float32) if counts is None else counts
        cos, sin = np.ascontiguousarray(self._cos[:, :T]), np.ascontiguousarray(self._sin[:, :T])
        kernels.losses_of(flat, tokens, counts, cos, sin, self._sizes, losses, grad)
        return losses


class CompiledStack:
    """P runs in this process. The tensors of ``states`` become views of the stack's and so are always current."""

    def __init__(self, setup: Setup, states: Sequence[RunState]) -> None:
        self.setup, self.kernels = setup, Kernels(setup.shape)
        flat = {
            kind: torch.stack([setup.shape.flat(state.tensors[kind]) for state in states])
            for kind in ("weights", *MOMENTS)
        }
        self.weights = torch.nn.Parameter(flat["weights"])
        self.optimizer = AdamW({"all": self.weights}, {kind: {"all": flat[kind]} for kind in MOMENTS},
                               states[0].step, setup.recipe)  # fmt: skip
        self._grads = torch.empty_like(flat["weights"])
        for p, state in enumerate(states):
            state.tensors = {kind: setup.shape.parts(value[p]) for kind, value in flat.items()}

    def step(self, tokens: Tensor, counts: Tensor | None, lr: float) -> tuple[Tensor, Tensor]:
        """See Stack.step."""
        weights = self.weights.detach().numpy()
        losses = torch.stack([
            torch.from_numpy(self.kernels.losses(weights[p], tokens[p].numpy(), _row(counts, p), grad.numpy()))
            for p, grad in enumerate(self._grads)
        ])  # fmt: skip
        self.weights.grad = self._grads
        clip_each([self.weights], self.setup.recipe.clip)
        self.optimizer.step(lr)
        counted = losses if counts is None else losses * counts[:, :, None]
        # Run by run: a mean over dimension 1 changes the order of its sums, and so the bits, with P.
        return torch.stack([row.mean() for row in counted]), losses

    def evaluate(self, logged: bool = False) -> dict[str, np.ndarray]:
        """See Stack.evaluate."""
        out = {}
        for name, windows in self.setup.windows.items():
            chosen = (windows[self.setup.logged[name]] if logged else windows).numpy()
            rows = [self.kernels.losses(flat, chosen).mean(-1) for flat in self.weights.detach().numpy()]
            out[name] = np.stack(rows).astype(np.float64)
        return out

    def gather(self) -> None:
        """See Stack.gather."""


def score(shape: ModelShape, weights: Mapping[str, np.ndarray], tokens: np.ndarray) -> np.ndarray:
    """Loss (B, T) in nats of every token of tokens (B, T+1) under one trained model, in float32.

    A sequence is scored by itself, so that its bits do not depend on its neighbours.
    """
    flat = np.concatenate([weights[name].reshape(-1) for name in shape.tensors()])
    compiled = Kernels(shape)
    with one_thread():
        return np.concatenate([compiled.losses(flat, row) for row in np.ascontiguousarray(tokens, np.int64)[:, None]])


def prepare() -> None:
    """Compile the kernels for this processor, or fetch them from numba's cache: seconds once, before the forks."""
    small = ModelShape(1, 1, 2, 2, 2, 2)
    tokens = np.zeros((1, 3), np.int64)
    flat = np.zeros(small.parameters, np.float32)
    Kernels(small).losses(flat, tokens, grad=np.empty_like(flat))


def _row(counts: Tensor | None, p: int) -> np.ndarray | None:
    return None if counts is None else counts[p].numpy()


def one_thread() -> AbstractContextManager[object]:
    """BLAS on one thread: more would split a sum elsewhere, and wait for the cores that other processes use.

    To be entered once for many calls: BLAS is slow to let threads go and to take them again.
    """
    return _blas().limit(limits=1, user_api="blas")


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()
