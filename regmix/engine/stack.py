"""A stack of runs with products in bfloat16, by torch's autograd: its weights, a step, an evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from regmix.engine.model import Model
from regmix.engine.optimizer import MOMENTS, AdamW, clip_each
from regmix.engine.run import RunState, Setup

EVAL_WINDOWS = 16  # validation windows in one forward pass; fixed, so that no sum depends on the stack


class Stack:
    """P runs as one model in this process. The tensors of ``states`` become views of the stack's, so that they are
    always current."""

    def __init__(self, setup: Setup, states: Sequence[RunState]) -> None:
        self.setup = setup
        self.model = Model(setup.shape, setup.recipe.precision)
        names = list(setup.shape.tensors())

        def stacked(kind: str) -> dict[str, Tensor]:
            return {name: torch.stack([state.tensors[kind][name] for state in states]) for name in names}

        self.weights = {name: torch.nn.Parameter(value) for name, value in stacked("weights").items()}
        moments = {kind: stacked(kind) for kind in MOMENTS}
        self.optimizer = AdamW(self.weights, moments, states[0].step, setup.recipe)
        for p, state in enumerate(states):
            state.tensors = {"weights": {name: value.data[p] for name, value in self.weights.items()}}
            state.tensors |= {kind: {name: value[p] for name, value in moments[kind].items()} for kind in MOMENTS}

    def step(self, tokens: Tensor, counts: Tensor | None, lr: float) -> tuple[Tensor, Tensor]:
        """One update on tokens (P, B, T+1). Mean loss (P,) and each token's (P, B, T) in nats, before the update.

        In the mean a sequence counts as ``counts`` (P, B) says, or all alike.
        """
        means, losses = self.model.loss(self.weights, tokens, counts)
        means.sum().backward()
        clip_each(list(self.weights.values()), self.setup.recipe.clip)
        self.optimizer.step(lr)
        return means.detach(), losses

    def evaluate(self, logged: bool = False) -> dict[str, np.ndarray]:
        """Loss (P, W) in nats of every validation window by domain; with ``logged``, of the smaller set alone."""
        out = {}
        for name, windows in self.setup.windows.items():
            chosen = windows[self.setup.logged[name]] if logged else windows
            parts = [self.model.window_losses(self.weights, chunk) for chunk in chosen.split(EVAL_WINDOWS)]
            out[name] = torch.cat(parts, dim=1).double().numpy()
        return out

    def gather(self) -> None:
        """Bring the tensors of the states up to date; here they always are."""
