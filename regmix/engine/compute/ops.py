"""The operations of a stack: P models side by side, each on its own tokens, in one call.

Every operation treats the runs alike and apart, so that a run's result has the same bits alone and in
any company. The backward passes are written by hand where autograd would read and write more.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK = 256  # tokens whose logits exist at one time: 1 MB of them at V = 1024, which stays in cache


def _mm(x: Tensor, weight: Tensor) -> Tensor:
    """x (N, in) times weight (in, out) of one dtype, float32 or bfloat16; float32 comes out."""
    return torch.mm(x, weight).float()


def _mm_t(x: Tensor, grad: Tensor) -> Tensor:
    """x (N, in) transposed times grad (N, out); oneDNN copies a transposed left side, so the narrow one goes there."""
    return _mm(x.t(), grad) if x.shape[1] <= grad.shape[1] else _mm(grad.t(), x).t()


def _dtype(bf16: bool) -> torch.dtype:
    return torch.bfloat16 if bf16 else torch.float32


class _Product(torch.autograd.Function):
    """Run by run; weights and gradients are float32 whatever the product is in."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bf16: bool) -> Tensor:
        x, weight = x.to(_dtype(bf16)), weight.to(_dtype(bf16))
        ctx.save_for_backward(x, weight)
        return torch.stack([_mm(*pair) for pair in zip(x, weight, strict=True)])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        grad = grad.to(x.dtype)
        grad_x = torch.stack([_mm(g, w.t()) for g, w in zip(grad, weight, strict=True)])
        grad_weight = torch.stack([_mm_t(*pair) for pair in zip(x, grad, strict=True)])
        return grad_x, grad_weight, None


def product(x: Tensor, weight: Tensor, bf16: bool) -> Tensor:
    """x (P, N, in) times weight (P, in, out)."""
    return _Product.apply(x, weight, bf16)


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


class _FeedForward(torch.autograd.Function):
    """One run after the other, so that what lies between the products stays in cache."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gate: Tensor, up: Tensor, down: Tensor, bf16: bool) -> Tensor:
        x, gate, up, down = (value.to(_dtype(bf16)) for value in (x, gate, up, down))
        out, kept = torch.empty(x.shape), []
        for p, (x_p, gate_p, up_p, down_p) in enumerate(zip(x, gate, up, down, strict=True)):
            g, u = _mm(x_p, gate_p), _mm(x_p, up_p)
            out[p] = _mm(torch.nn.functional.silu(g).mul_(u).to(x.dtype), down_p)
            kept += [g, u]
        ctx.save_for_backward(x, gate, up, down, *kept)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        x, *weights = ctx.saved_tensors[:4]
        kept = ctx.saved_tensors[4:]
        grad = grad.to(x.dtype)
        grad_x = torch.empty(x.shape)
        grad_gate, grad_up, grad_down = (torch.empty(weight.shape) for weight in weights)
        for p, (x_p, grad_p, gate_p, up_p, down_p) in enumerate(zip(x, grad, *weights, strict=True)):
            g, u = kept[2 * p : 2 * p + 2]
            silu = torch.nn.functional.silu(g)
            grad_down[p] = _mm_t((silu * u).to(x.dtype), grad_p)
            inner = _mm(grad_p, down_p.t())
            grad_u = (inner * silu).to(x.dtype)
            grad_g = torch.ops.aten.silu_backward(inner.mul_(u), g).to(x.dtype)
            grad_up[p], grad_gate[p] = _mm_t(x_p, grad_u), _mm_t(x_p, grad_g)
            grad_x[p] = _mm(grad_u, up_p.t()).add_(_mm(grad_g, gate_p.t()))
        return grad_x, grad_gate, grad_up, grad_down, None


def feed_forward(x: Tensor, gate: Tensor, up: Tensor, down: Tensor, bf16: bool) -> Tensor:
    """SwiGLU: (silu(x gate) * x up) down, for x (P, N, D), gate and up (P, D, F), down (P, F, D)."""
    return _FeedForward.apply(x, gate, up, down, bf16)


class _CrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of each run without its logits in memory: both gradients fall out of the forward pass."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, head: Tensor, targets: Tensor, counts: Tensor | None, bf16: bool
    ) -> tuple[Tensor, Tensor]:
        P, N, _ = x.shape
        losses = torch.empty(P, N)
        grad_x, grad_head = torch.empty_like(x), torch.zeros_like(head)
        for p in range(P):
            weight, dtype = head[p].to(_dtype(bf16)), _dtype(bf16)
            for start in range(0, N, CHUNK):
                rows = slice(start, start + CHUNK)
                x_c, targets_c = x[p, rows], targets[p, rows]
                power, losses[p, rows], norm = _softmax_parts(x_c.to(dtype), weight, targets_c)
                # The softmax less the one-hot target, times 1/N, without forming either.
                power, scale = power.to(dtype), (norm * N).reciprocal_()[:, None]
                out = _mm(power, weight).mul_(scale)
                grad_x[p, rows] = out.sub_(head[p][targets_c], alpha=1 / N)
                if counts is not None:
                    grad_x[p, rows] *= counts[p, rows, None]
                    x_c = x_c * counts[p, rows, None]
                grad_head[p] += _mm_t(power, (x_c * scale).to(dtype))
                grad_head[p].index_add_(0, targets_c, x_c, alpha=-1 / N)
        ctx.save_for_backward(grad_x, grad_head)
        ctx.mark_non_differentiable(losses)
        counted = losses if counts is None else losses * counts
        # Run by run: a mean over dimension 1 changes the order of its sums, and so the bits, with P.
        return torch.stack([row.mean() for row in counted]), losses

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        grad_x, grad_head = ctx.saved_tensors
        return grad_x * grad[:, None, None], grad_head * grad[:, None, None], None, None, None


def _softmax_parts(x: Tensor, weight: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """exp(logit - max) (N, V), the negative log-likelihood (N,) and the sum of the exponentials (N,)."""
    logits = _mm(x, weight.t())
    picked = logits.gather(1, targets[:, None])[:, 0]
    top = logits.amax(1, keepdim=True)
    power = logits.sub_(top).exp_()
    norm = power.sum(1)
    return power, norm.log().add_(top[:, 0]).sub_(picked), norm


def cross_entropy(x: Tensor, head: Tensor, targets: Tensor, counts: Tensor | None, bf16: bool) -> tuple[Tensor, Tensor]:
    """Mean loss (P,) and every token's (P, N), in nats, of x (P, N, D) under head (P, V, D) against targets (P, N).

    In the mean a token counts as ``counts`` (P, N) says, or all alike. The tokens' losses carry no gradient.
    """
    return _CrossEntropy.apply(x, head, targets, counts, bf16)


@torch.no_grad()
def token_losses(x: Tensor, head: Tensor, targets: Tensor, bf16: bool) -> Tensor:
    """Loss (P, N) in nats of every token; no gradient."""
    out = torch.empty(x.shape[:2])
    for p in range(x.shape[0]):
        weight = head[p].to(_dtype(bf16))
        for start in range(0, x.shape[1], CHUNK):
            rows = slice(start, start + CHUNK)
            out[p, rows] = _softmax_parts(x[p, rows].to(weight.dtype), weight, targets[p, rows])[1]
    return out
