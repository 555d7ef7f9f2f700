"""AdamW and gradient clipping for a stack: torch's own fused AdamW, a norm for each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from regmix.engine.run import MOMENTS
from regmix.engine.settings import Recipe


class AdamW:
    """AdamW over stacked parameters (P, ...); weight decay on every tensor, as the paper's code has it.

    ``moments`` holds each of MOMENTS by parameter, ``step`` the steps taken. torch's function, not its class, which
    imports torch's compiler at its first use: two seconds in every process that trains.
    """

    def __init__(
        self, parameters: Mapping[str, Tensor], moments: Mapping[str, dict[str, Tensor]], step: int, recipe: Recipe
    ) -> None:
        self.parameters, self.recipe = list(parameters.values()), recipe
        # Run by run: the fused AdamW rounds the last few of an array's elements otherwise than the rest.
        self._rows = [row for parameter in self.parameters for row in parameter.detach()]
        self._averages = [[row for name in parameters for row in moments[kind][name]] for kind in MOMENTS]
        self._steps = [torch.tensor(float(step)) for _ in self._rows]

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Update the parameters by their gradients, and drop these."""
        grads = [row for parameter in self.parameters if parameter.grad is not None for row in parameter.grad]
        (beta1, beta2), decay = self.recipe.betas, self.recipe.weight_decay
        first, second = self._averages
        adamw(self._rows, grads, first, second, [], self._steps, fused=True, amsgrad=False, beta1=beta1,
              beta2=beta2, lr=lr, weight_decay=decay, eps=1e-8, maximize=False)  # fmt: skip
        for parameter in self.parameters:
            parameter.grad = None


@torch.no_grad()
def clip_each(parameters: Sequence[Tensor], limit: float) -> Tensor:
    """Scale each run's gradients to norm ``limit`` at most, in place; return the norms (P,) before.

    The norms are summed run by run: reducing a (P, n) array in one call changes the order of its sums,
    and so the bits, with P. The gradients are made contiguous, since the fused AdamW ignores strides.
    """
    grads = []
    for parameter in parameters:
        assert parameter.grad is not None
        parameter.grad = parameter.grad.contiguous()
        grads.append(parameter.grad)
    runs = range(parameters[0].shape[0])
    norms = torch.stack([torch.stack(torch._foreach_norm([g[p] for g in grads])).norm() for p in runs])
    scale = (limit / (norms + 1e-6)).clamp(max=1.0)
    for g in grads:
        g.mul_(scale.view(-1, *[1] * (g.dim() - 1)))
    return norms
