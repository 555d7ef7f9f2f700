"""The shape of a Llama-like model, its parameters and its FLOPs per token.

Dimension letters, here and in the engine: P runs in a stack, B sequences, T tokens,
D width, F ffn width, H heads, C head width, L layers, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from regmix.core.errors import InputError


@dataclass(frozen=True)
class ModelShape:
    """Untied head, rotary positions, RMSNorm, SwiGLU, no biases (Table 9 of the paper: TinyLlama)."""

    layers: int
    heads: int
    width: int
    ffn: int
    context: int
    vocab: int

    def tensors(self) -> dict[str, tuple[tuple[int, ...], float]]:
        """Each parameter's shape and the standard deviation of its init; 0 marks the norms, which start at 1.

        Matrices are stored (in, out). The embedding starts with deviation 1 and the matrices scale with fan-in: models
        this small then leave the unigram plateau within a few hundred steps. With transformers' 0.02 they do not.
        """
        D, F, V = self.width, self.ffn, self.vocab
        out = 1 / math.sqrt(2 * self.layers)
        table: dict[str, tuple[tuple[int, ...], float]] = {"embed": ((V, D), 1.0)}
        for i in range(self.layers):
            table[f"{i}.attention_norm"] = ((D,), 0.0)
            table[f"{i}.qkv"] = ((D, 3 * D), D**-0.5)
            table[f"{i}.o"] = ((D, D), out * D**-0.5)
            table[f"{i}.ffn_norm"] = ((D,), 0.0)
            table[f"{i}.gate"] = ((D, F), D**-0.5)
            table[f"{i}.up"] = ((D, F), D**-0.5)
            table[f"{i}.down"] = ((F, D), out * F**-0.5)
        table["norm"] = ((D,), 0.0)
        table["head"] = ((V, D), 0.02)
        return table

    def flat(self, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
        """All parameters of one run as one array (n,), in the order of ``tensors``."""
        return np.concatenate([tensors[name].reshape(-1) for name in self.tensors()])

    def parts(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """The inverse of ``flat``, as views."""
        sizes = {name: size for name, (size, _) in self.tensors().items()}
        edges = np.cumsum([math.prod(size) for size in sizes.values()])[:-1]
        pieces = np.split(flat, edges)
        return {name: piece.reshape(size) for (name, size), piece in zip(sizes.items(), pieces, strict=True)}

    def check(self, tokens: np.ndarray) -> None:
        """Raise InputError for a token outside the vocabulary, which neither the kernels nor a GPU would detect."""
        if tokens.min() < 0 or tokens.max() >= self.vocab:
            raise InputError(
                f"token {tokens.max()} is outside the vocabulary of {self.vocab}; a token file is damaged: "
                "delete data/corpus_tokenize and run `dvc repro` again"
            )

    @property
    def body(self) -> int:
        """Non-embedding parameters; the paper names its models by this count."""
        D, F = self.width, self.ffn
        return self.layers * (4 * D * D + 3 * D * F + 2 * D) + D

    @property
    def parameters(self) -> int:
        """All parameters, embedding and head included."""
        return self.body + 2 * self.vocab * self.width

    def flops(self) -> dict[str, float]:
        """Training FLOPs per token (forward and backward): body, body with attention, and both with the head.

        Attention counts the full square, as usual; a causal kernel computes about half of it.
        """
        body = 6.0 * self.body
        attention = body + 12.0 * self.layers * self.width * self.context
        return {"body": body, "attention": attention, "full": attention + 6.0 * self.vocab * self.width}
