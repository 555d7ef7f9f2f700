"""The losses of one run on a CPU with products in bfloat16: torch's module and autograd, as on a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.func import functional_call

from regmix.core.model_shape import ModelShape
from regmix.engine.compute.pytorch import arithmetic
from regmix.engine.compute.pytorch.module import DTYPES, Transformer
from regmix.engine.compute.stack import NONE, Stack
from regmix.engine.run import RunState, Setup

PASS_TOKENS = 1024  # per forward and backward pass; gradients of several passes add up


class Autograd:
    """The losses of runs of one shape; also configures torch in this process (``arithmetic.settle``)."""

    def __init__(self, shape: ModelShape, dtype: torch.dtype) -> None:
        arithmetic.settle()
        self.shape = shape
        self._model = Transformer(shape, torch.device("cpu"), dtype)

    def losses(
        self, flat: np.ndarray, tokens: np.ndarray, counts: np.ndarray | None = None, grad: np.ndarray = NONE
    ) -> np.ndarray:
        """See ``Losses``."""
        self.shape.check(tokens)
        weights = {name: torch.from_numpy(value) for name, value in self.shape.parts(flat).items()}
        wanted = len(grad) > 0
        if wanted:
            grad[:] = 0
            for name, value in self.shape.parts(grad).items():
                weights[name].requires_grad_().grad = torch.from_numpy(value)  # backward adds to it
        B, T = tokens.shape[0], tokens.shape[1] - 1
        each = torch.ones(B) if counts is None else torch.from_numpy(counts)
        size, losses = max(1, PASS_TOKENS // T), []
        with torch.set_grad_enabled(wanted):
            for rows, share in zip(torch.from_numpy(tokens).split(size), (each / B).split(size), strict=True):
                total, loss = functional_call(self._model, weights, (rows, share))
                if wanted:
                    total.backward()
                losses.append(loss)
        return torch.cat(losses).numpy()


def autograd_stack(setup: Setup, states: Sequence[RunState]) -> Stack:
    """A stack of runs with products in ``recipe.precision``."""
    return Stack(setup, states, Autograd(setup.shape, DTYPES[setup.recipe.precision]).losses)
