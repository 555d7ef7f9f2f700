"""A stack of runs with products in bfloat16, by torch's autograd: its weights, a step, an evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from regmix.engine.compute import arithmetic
from regmix.engine.compute.model import Model
from regmix.engine.compute.optimizer import AdamW, clip_each
from regmix.engine.run import MOMENTS, RunState, Setup

EVAL_WINDOWS = 16  # validation windows in one forward pass; fixed, so that no sum depends on the stack


class Stack:
    """P runs as one model in this process. The tensors of ``states`` become views of the stack's, so that they are
    always current."""

    def __init__(self, setup: Setup, states: Sequence[RunState]) -> None:
        arithmetic.settle()
        self.setup = setup
        self.model = Model(setup.shape, setup.recipe.precision)
        names = list(setup.shape.tensors())

        def stacked(kind: str) -> dict[str, Tensor]:
            return {name: torch.from_numpy(np.stack([state.tensors[kind][name] for state in states])) for name in names}

        groups = {kind: stacked(kind) for kind in ("weights", *MOMENTS)}
        self.weights = {name: torch.nn.Parameter(value) for name, value in groups["weights"].items()}
        self.optimizer = AdamW(self.weights, groups, states[0].step, setup.recipe)
        for p, state in enumerate(states):
            state.tensors = {
                kind: {name: value[p].numpy() for name, value in group.items()} for kind, group in groups.items()
            }

    def step(self, tokens: np.ndarray, counts: np.ndarray | None, lr: float) -> tuple[np.ndarray, np.ndarray]:
        """See CompiledStack.step."""
        each = None if counts is None else torch.from_numpy(counts)
        means, losses = self.model.loss(self.weights, torch.from_numpy(tokens), each)
        means.sum().backward()
        clip_each(list(self.weights.values()), self.setup.recipe.clip)
        self.optimizer.step(lr)
        return means.detach().numpy(), losses.numpy()

    def evaluate(self, logged: bool = False) -> dict[str, np.ndarray]:
        """See CompiledStack.evaluate."""
        out = {}
        for name, windows in self.setup.windows.items():
            chosen = torch.from_numpy(windows[self.setup.logged[name]] if logged else windows)
            parts = [self.model.window_losses(self.weights, chunk) for chunk in chosen.split(EVAL_WINDOWS)]
            out[name] = torch.cat(parts, dim=1).double().numpy()
        return out

    def gather(self) -> None:
        """See CompiledStack.gather."""
