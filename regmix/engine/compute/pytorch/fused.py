"""The loss of a linear head without all logits in memory: one chunk of tokens at a time, both gradients in one pass.

torch's ``linear_cross_entropy`` (2.13) also computes both gradients in the forward pass, but it returns either a single
number, or every token's loss and then recomputes all logits for the gradients; it does not support per-token weights.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK = 4096  # tokens whose logits are in memory: 413 MB at V = 50432 in bfloat16, and as much for their gradients


def cross_entropy(x: Tensor, head: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Loss in nats of x (N, D) under head (V, D) against targets (N,): the sum weighted by ``weights`` (N,) float32,
    with gradients, and the loss of each token (N,) float32, without.

    Products are in the dtype of x; sums over V and over chunks are in float32.
    """
    if torch.is_grad_enabled():
        return _CrossEntropy.apply(x, head, targets, weights)
    used, parts = head.to(x.dtype).t(), zip(x.split(CHUNK), targets.split(CHUNK), strict=True)
    losses = torch.cat([_softmax(x_c @ used, targets_c)[0] for x_c, targets_c in parts])
    return losses @ weights, losses


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, head: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        used, losses, grad_x = head.to(x.dtype), [], []
        grad_head = torch.zeros(head.shape, dtype=torch.float32, device=head.device)
        parts = (x.split(CHUNK), targets.split(CHUNK), weights.split(CHUNK))
        for x_c, targets_c, weights_c in zip(*parts, strict=True):
            loss, power, norm = _softmax(x_c @ used.t(), targets_c)
            picked = torch.arange(len(head), device=head.device) == targets_c[:, None]
            # (softmax - one-hot target) x token weight; a single pass over the logits when compiled.
            grad = (power * (weights_c / norm)[:, None] - picked * weights_c[:, None]).to(x.dtype)
            losses.append(loss)
            grad_x.append(grad @ used)
            grad_head += grad.t() @ x_c
        every = torch.cat(losses)
        ctx.save_for_backward(torch.cat(grad_x), grad_head)
        ctx.dtype = head.dtype
        ctx.mark_non_differentiable(every)
        return every @ weights, every

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, Tensor, None, None]:
        grad_x, grad_head = ctx.saved_tensors
        return grad_x * grad.to(grad_x.dtype), (grad_head * grad).to(ctx.dtype), None, None


def _softmax(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The loss (N,), exp(logit - largest logit) (N, V) and its sum over V (N,), in float32."""
    picked = logits.gather(1, targets[:, None])[:, 0].float()
    top = logits.amax(1, keepdim=True).float()
    power = (logits.float() - top).exp()
    norm = power.sum(1)
    return norm.log() + top[:, 0] - picked, power, norm
