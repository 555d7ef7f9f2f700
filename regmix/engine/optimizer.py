"""AdamW and gradient clipping for a stack: torch's own fused AdamW, a norm for each run."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from regmix.params import Recipe


def adamw(parameters: Sequence[Tensor], recipe: Recipe) -> torch.optim.AdamW:
    """AdamW over stacked parameters (P, ...); weight decay on every tensor, as the paper's code has it."""
    betas = (recipe.betas[0], recipe.betas[1])
    return torch.optim.AdamW(parameters, lr=recipe.lr, betas=betas, weight_decay=recipe.weight_decay, fused=True)


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
