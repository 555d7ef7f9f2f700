"""A stack of runs on a CPU: one run after the other, each with one flat array of parameters.

Each run is computed separately, so its bits do not depend on the others in its stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from regmix.engine.compute import adamw
from regmix.engine.run import MOMENTS, RunState, Setup

NONE = np.empty(0, np.float32)  # passed as ``grad`` if no gradients are needed


class Losses(Protocol):
    """Computes the losses of one run; called within ``one_thread``."""

    def __call__(
        self, flat: np.ndarray, tokens: np.ndarray, counts: np.ndarray | None = None, grad: np.ndarray = NONE
    ) -> np.ndarray:
        """Loss (B, T) in nats of every token of tokens (B, T+1) int64 under the parameters flat (n,) float32.

        ``grad`` (n,) is set to the gradients of their mean, with sequences weighted by ``counts`` (B,); None: equally.
        Raises InputError if a token is outside the vocabulary.
        """


class Stack:
    """P runs in this process. The tensors of ``states`` become views of the stack's, so they are always up to date."""

    def __init__(self, setup: Setup, states: Sequence[RunState], losses: Losses) -> None:
        adamw.prepare()
        self.setup, self._losses, self._step = setup, losses, states[0].step
        flat = setup.shape.flat
        self._flat = {kind: np.stack([flat(state.tensors[kind]) for state in states]) for kind in ("weights", *MOMENTS)}
        self._grad = np.empty_like(self._flat["weights"][0])
        for p, state in enumerate(states):
            state.tensors = {kind: setup.shape.parts(rows[p]) for kind, rows in self._flat.items()}

    def step(self, tokens: np.ndarray, counts: np.ndarray | None, lr: float) -> tuple[np.ndarray, np.ndarray]:
        """One update on tokens (P, B, T+1) int64. Mean loss (P,) and each token's (P, B, T) in nats, before the update.

        ``counts`` (P, B) float32 weights the sequences in the mean; None: equally.
        """
        recipe, losses = self.setup.recipe, []
        self._step += 1
        beta1, beta2 = recipe.betas
        for p, (flat, first, second) in enumerate(zip(*self._flat.values(), strict=True)):
            losses.append(self._losses(flat, tokens[p], None if counts is None else counts[p], self._grad))
            adamw.update(
                flat, self._grad, first, second, self._step, lr, beta1, beta2, recipe.weight_decay, recipe.clip
            )
        each = np.stack(losses)
        counted = each if counts is None else each * counts[:, :, None]
        # Run by run: in a mean over axis 1, the order of summation, and so the bits, could depend on P.
        return np.stack([row.mean() for row in counted]), each

    def evaluate(self, logged: bool = False) -> dict[str, np.ndarray]:
        """Loss (P, W) in nats of every validation window by domain; with ``logged``, of the smaller set only."""
        out = {}
        for name, windows in self.setup.windows.items():
            chosen = windows[self.setup.logged[name]] if logged else windows
            rows = [self._losses(flat, chosen).mean(-1) for flat in self._flat["weights"]]
            out[name] = np.stack(rows).astype(np.float64)
        return out

    def gather(self) -> None:
        """Does nothing: the tensors of the states are always up to date."""
