"""A stack of runs on a processor: one run after the other, a flat array of parameters each.

A run is computed by itself, so its bits do not depend on the others in its stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from regmix.engine.compute import adamw
from regmix.engine.run import MOMENTS, RunState, Setup

NONE = np.empty(0, np.float32)  # in place of gradients that are not wanted


class Losses(Protocol):
    """Computes the losses of one run; called within ``one_thread``."""

    def __call__(
        self, flat: np.ndarray, tokens: np.ndarray, counts: np.ndarray | None = None, grad: np.ndarray = NONE
    ) -> np.ndarray:
        """Loss (B, T) in nats of every token of tokens (B, T+1) int64 under the parameters flat (n,) float32.

        ``grad`` (n,) is set to the gradients of their mean, in which a sequence counts ``counts`` (B,) times, or all
        alike. Raises InputError for a token outside the vocabulary.
        """


class Stack:
    """P runs in this process. The tensors of ``states`` become views of the stack's, so they are always current."""

    def __init__(self, setup: Setup, states: Sequence[RunState], losses: Losses) -> None:
        adamw.prepare()
        self.setup, self._losses, self._step = setup, losses, states[0].step
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
            losses.append(self._losses(flat, tokens[p], None if counts is None else counts[p], self._grad))
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
            rows = [self._losses(flat, chosen).mean(-1) for flat in self._flat["weights"]]
            out[name] = np.stack(rows).astype(np.float64)
        return out

    def gather(self) -> None:
        """Bring the tensors of the states up to date; here they always are."""
