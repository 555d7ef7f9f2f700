"""The engine's model as a torch module that FSDP can shard: one run, torch's autograd, any device.

Parameters have the names and shapes of ``ModelShape.tensors``, so weights can be exchanged with a stack. As there,
``recipe.precision`` applies to the matrix products (and here to attention); everything between them is float32. Weights
can be float32, to be cast here, or already cast by FSDP.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regmix.core.model_shape import ModelShape
from regmix.engine.compute.pytorch.fused import cross_entropy

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}  # of the products, by recipe.precision
EPS = 1e-5


class Transformer(nn.Module):
    """Its parameters are on the meta device until the caller calls ``to_empty`` and fills them."""

    embed: Tensor
    norm: Tensor
    head: Tensor

    def __init__(self, shape: ModelShape, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__()
        self.shape, self.dtype = shape, dtype
        tables = rotary_tables(shape, device)
        for i in range(shape.layers):
            self.add_module(str(i), Block(shape, i, tables, dtype))
        _register(self, shape, ("embed", "norm", "head"))

    @property
    def blocks(self) -> list[nn.Module]:
        return [self.get_submodule(str(i)) for i in range(self.shape.layers)]

    def forward(self, tokens: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Loss in nats of tokens (B, T+1), float32: the sum of the sequences' means, weighted by ``counts`` (B,), with
        gradients, and the loss of each token (B, T), without."""
        B, T = tokens.shape[0], tokens.shape[1] - 1
        x = F.embedding(tokens[:, :-1], self.embed).float()
        for block in self.blocks:
            x = block(x)
        x = _rms_norm(x, self.norm).flatten(0, 1).to(self.dtype)
        weights = (counts / T)[:, None].expand(B, T).flatten()
        total, losses = cross_entropy(x, self.head, tokens[:, 1:].flatten(), weights)
        return total, losses.view(B, T)


class Block(nn.Module):
    """Attention and SwiGLU, each with a pre-norm and a residual connection."""

    attention_norm: Tensor
    qkv: Tensor
    o: Tensor
    ffn_norm: Tensor
    gate: Tensor
    up: Tensor
    down: Tensor

    def __init__(self, shape: ModelShape, index: int, tables: tuple[Tensor, Tensor], dtype: torch.dtype) -> None:
        super().__init__()
        self.heads, self.tables, self.dtype = shape.heads, tables, dtype
        _register(self, shape, ("attention_norm", "qkv", "o", "ffn_norm", "gate", "up", "down"), f"{index}.")

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, D), float32."""
        (B, T, D), H = x.shape, self.heads
        y = self._product(_rms_norm(x, self.attention_norm), self.qkv).view(B, T, 3 * H, D // H).transpose(1, 2)
        q, k = (_rotary(part, *self.tables) for part in (y[:, :H], y[:, H : 2 * H]))
        y = F.scaled_dot_product_attention(q, k, y[:, 2 * H :], is_causal=True)
        x = x + self._product(y.transpose(1, 2).reshape(B, T, D), self.o)
        y = _rms_norm(x, self.ffn_norm).to(self.dtype)
        return x + self._product(F.silu(self._product(y, self.gate)) * self._product(y, self.up), self.down)

    def _product(self, x: Tensor, weight: Tensor) -> Tensor:
        return x.to(self.dtype) @ weight.to(self.dtype)


def rotary_tables(shape: ModelShape, device: torch.device, base: float = 10000.0) -> tuple[Tensor, Tensor]:
    """Cosines and sines (T, C) of the angles; the second half of a head's width repeats the first."""
    head = shape.width // shape.heads
    frequencies = base ** -(torch.arange(0, head, 2, dtype=torch.float32) / head)
    angles = (torch.arange(shape.context, dtype=torch.float32)[:, None] * frequencies).repeat(1, 2)
    return angles.cos().to(device), angles.sin().to(device)


def _register(module: nn.Module, shape: ModelShape, names: Iterable[str], prefix: str = "") -> None:
    sizes = shape.tensors()
    for name in names:
        module.register_parameter(name, nn.Parameter(torch.empty(sizes[prefix + name][0], device="meta")))


def _rms_norm(x: Tensor, weight: Tensor) -> Tensor:
    return F.rms_norm(x, weight.shape, weight.to(x.dtype), EPS)


def _rotary(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate x (B, H, T, C) by its positions; channel i is paired with i + C/2, not with its neighbour."""
    T = x.shape[2]
    first, second = x.chunk(2, dim=-1)
    return (x * cos[:T] + torch.cat([-second, first], dim=-1) * sin[:T]).to(x.dtype)
