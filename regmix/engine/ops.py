"""The operations of a stack: P models side by side, each on its own tokens, in one call.

Every operation treats the runs alike and apart, so that a run's result has the same bits alone and in
any company. The backward passes are written by hand where autograd would read and write more.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK = 256  # tokens whose logits exist at one time: 1 MB of them at V = 1024, which stays in cache


class _HalfProduct(torch.autograd.Function):
    """A stacked product in bfloat16 with float32 results; weights and gradients stay float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        x16, w16 = x.bfloat16(), weight.bfloat16()
        ctx.save_for_backward(x16, w16)
        return torch.bmm(x16, w16).float()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        x16, w16 = ctx.saved_tensors
        g16 = grad.bfloat16()
        return torch.bmm(g16, w16.transpose(1, 2)).float(), torch.bmm(x16.transpose(1, 2), g16).float()


def product(x: Tensor, weight: Tensor, bf16: bool) -> Tensor:
    """x (P, N, in) times weight (P, in, out)."""
    return _HalfProduct.apply(x, weight) if bf16 else torch.bmm(x, weight)


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        scale = x.square().mean(-1, keepdim=True).add_(eps).rsqrt_()
        unit = x * scale
        ctx.save_for_backward(unit, scale, weight)
        return unit * weight[:, None]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        unit, scale, weight = ctx.saved_tensors
        grad_weight = torch.stack([(g * u).sum(0) for g, u in zip(grad, unit, strict=True)])
        grad = grad * weight[:, None]
        along = (grad * unit).mean(-1, keepdim=True)
        return grad.addcmul_(unit, along, value=-1).mul_(scale), grad_weight, None


def rms_norm(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    """x (P, N, D) over its root mean square, times weight (P, D)."""
    return _RMSNorm.apply(x, weight, eps)


class _Rotary(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _rotate(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _rotate(grad, cos, -sin), None, None


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    out = torch.empty(x.shape, dtype=x.dtype)
    half = first.shape[-1]
    torch.mul(first, cos, out=out[..., :half])
    out[..., :half].addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=out[..., half:])
    out[..., half:].addcmul_(first, sin)
    return out


def rotary_tables(context: int, head: int, base: float = 10000.0) -> tuple[Tensor, Tensor]:
    """Cosines and sines (T, 1, C/2) of the rotary angles, as transformers pairs them (halves, not neighbours)."""
    frequencies = base ** -(torch.arange(0, head, 2, dtype=torch.float32) / head)
    angles = torch.arange(context, dtype=torch.float32)[:, None] * frequencies
    return angles.cos()[:, None], angles.sin()[:, None]


def rotary(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn x (..., T, H, C) by its positions."""
    return _Rotary.apply(x, cos, sin)


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        gate, up = x.chunk(2, dim=-1)
        ctx.save_for_backward(x)
        return torch.nn.functional.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gate, up = x.chunk(2, dim=-1)
        out = torch.empty_like(x)
        grad_gate, grad_up = out.chunk(2, dim=-1)
        sigmoid = torch.sigmoid(gate)
        silu = gate * sigmoid
        torch.mul(grad, silu, out=grad_up)
        # d silu = sigmoid + silu (1 - sigmoid)
        slope = sigmoid.addcmul_(silu, 1 - sigmoid)
        torch.mul(slope.mul_(up), grad, out=grad_gate)
        return out


def swiglu(x: Tensor) -> Tensor:
    """silu(gate) * up for x (P, N, 2F) = [gate, up]."""
    return _SwiGLU.apply(x)


class _CrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of each run without its logits in memory: both gradients fall out of the forward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, head: Tensor, targets: Tensor, bf16: bool) -> Tensor:
        P, N, _ = x.shape
        losses = torch.empty(P)
        grad_x, grad_head = torch.empty_like(x), torch.zeros_like(head)
        for p in range(P):
            weight, dtype = (head[p].bfloat16(), torch.bfloat16) if bf16 else (head[p], torch.float32)
            total = torch.zeros(())
            for start in range(0, N, CHUNK):
                rows = slice(start, start + CHUNK)
                x_c, targets_c = x[p, rows], targets[p, rows]
                power, nll, norm = _softmax_parts(x_c.to(dtype), weight, targets_c)
                total += nll.sum()
                # The softmax less the one-hot target, times 1/N, without forming either.
                power, scale = power.to(dtype), (norm * N).reciprocal_()[:, None]
                out = torch.mm(power, weight).float().mul_(scale)
                grad_x[p, rows] = out.sub_(head[p][targets_c], alpha=1 / N)
                grad_head[p] += torch.mm(power.T, (x_c * scale).to(dtype))
                grad_head[p].index_add_(0, targets_c, x_c, alpha=-1 / N)
            losses[p] = total / N
        ctx.save_for_backward(grad_x, grad_head)
        return losses

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        grad_x, grad_head = ctx.saved_tensors
        return grad_x * grad[:, None, None], grad_head * grad[:, None, None], None, None


def _softmax_parts(x: Tensor, weight: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """exp(logit - max) (N, V), the negative log-likelihood (N,) and the sum of the exponentials (N,)."""
    logits = torch.mm(x, weight.T).float()
    picked = logits.gather(1, targets[:, None])[:, 0]
    top = logits.amax(1, keepdim=True)
    power = logits.sub_(top).exp_()
    norm = power.sum(1)
    return power, norm.log().add_(top[:, 0]).sub_(picked), norm


def cross_entropy(x: Tensor, head: Tensor, targets: Tensor, bf16: bool) -> Tensor:
    """Mean loss (P,) in nats of x (P, N, D) under head (P, V, D) against targets (P, N) int64."""
    return _CrossEntropy.apply(x, head, targets, bf16)


@torch.no_grad()
def token_losses(x: Tensor, head: Tensor, targets: Tensor, bf16: bool) -> Tensor:
    """Loss (P, N) in nats of every token; no gradient."""
    out = torch.empty(x.shape[:2])
    for p in range(x.shape[0]):
        weight = head[p].bfloat16() if bf16 else head[p]
        for start in range(0, x.shape[1], CHUNK):
            rows = slice(start, start + CHUNK)
            out[p, rows] = _softmax_parts(x[p, rows].to(weight.dtype), weight, targets[p, rows])[1]
    return out
