"""P Llama-shaped models as one: stacked weights, one forward pass."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from regmix.core.model_shape import ModelShape
from regmix.engine.compute import ops

Weights = Mapping[str, Tensor]


class Model:
    """The forward pass of a stack. ``precision`` is that of the matrix products alone."""

    def __init__(self, shape: ModelShape, precision: str) -> None:
        self.shape, self.bf16 = shape, precision == "bf16"
        self._tables = ops.rotary_tables(shape.context, shape.width // shape.heads)

    def loss(self, weights: Weights, tokens: Tensor, counts: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean loss (P,) in nats over tokens (P, B, T+1) int64, with gradients, and each token's (P, B, T) without.

        In the mean a sequence counts as ``counts`` (P, B) says, or all alike.
        """
        P, B, T = tokens.shape[0], tokens.shape[1], tokens.shape[2] - 1
        hidden, targets = self._hidden(weights, tokens)
        each = None if counts is None else counts[:, :, None].expand(P, B, T).reshape(P, B * T)
        mean, losses = ops.cross_entropy(hidden, weights["head"], targets, each, self.bf16)
        return mean, losses.view(P, B, T)

    @torch.no_grad()
    def window_losses(self, weights: Weights, tokens: Tensor) -> Tensor:
        """Mean loss (P, B) of every window of tokens (B, T+1), the same windows for all runs."""
        P = weights["head"].shape[0]
        return self.token_losses(weights, tokens.expand(P, *tokens.shape)).mean(-1)

    @torch.no_grad()
    def token_losses(self, weights: Weights, tokens: Tensor) -> Tensor:
        """Loss (P, B, T) in nats of every token of tokens (P, B, T+1)."""
        hidden, targets = self._hidden(weights, tokens)
        losses = ops.token_losses(hidden, weights["head"], targets, self.bf16)
        return losses.view(*tokens.shape[:2], -1)

    def _hidden(self, weights: Weights, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """The last hidden states (P, B*T, D) and the targets (P, B*T)."""
        s = self.shape
        P, B, T = tokens.shape[0], tokens.shape[1], tokens.shape[2] - 1
        H, C = s.heads, s.width // s.heads
        cos, sin = (table[:T] for table in self._tables)
        rows = tokens[:, :, :-1] + (torch.arange(P) * s.vocab)[:, None, None]
        x = F.embedding(rows.reshape(P, B * T), weights["embed"].view(P * s.vocab, s.width))
        for i in range(s.layers):
            y = ops.rms_norm(x, weights[f"{i}.attention_norm"])
            y = ops.product(y, weights[f"{i}.qkv"], self.bf16)
            y = y.view(P * B, T, 3 * H, C)
            qk = ops.rotary(y[:, :, : 2 * H], cos, sin).transpose(1, 2)  # (P*B, 2H, T, C)
            v = y[:, :, 2 * H :].transpose(1, 2)
            y = F.scaled_dot_product_attention(qk[:, :H], qk[:, H:], v, is_causal=True)
            y = y.transpose(1, 2).reshape(P, B * T, s.width)
            x = x + ops.product(y, weights[f"{i}.o"], self.bf16)
            y = ops.rms_norm(x, weights[f"{i}.ffn_norm"])
            gate, up, down = (weights[f"{i}.{name}"] for name in ("gate", "up", "down"))
            x = x + ops.feed_forward(y, gate, up, down, self.bf16)
        return ops.rms_norm(x, weights["norm"]), tokens[:, :, 1:].reshape(P, B * T)
