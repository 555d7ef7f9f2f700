"""The shape of a Llama-like model, its parameters and what a token costs.

Letters, here and in the other files of the engine: P runs in a stack, B sequences, T tokens,
D width, F ffn width, H heads, C width of a head, L layers, V vocabulary.
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

        Matrices are stored (in, out). The embedding starts at 1 and the rest at fan-in, which takes models
        this small off the unigram plateau within a few hundred steps; transformers' 0.02 does not.
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
        """The way back of ``flat``; views."""
        sizes = {name: size for name, (size, _) in self.tensors().items()}
        edges = np.cumsum([math.prod(size) for size in sizes.values()])[:-1]
        pieces = np.split(flat, edges)
        return {name: piece.reshape(size) for (name, size), piece in zip(sizes.items(), pieces, strict=True)}

    def check(self, tokens: np.ndarray) -> None:
        """Raise InputError for a token outside the vocabulary, which neither kernels nor a GPU would notice."""
        if tokens.min() < 0 or tokens.max() >= self.vocab:
            raise InputError(
                f"token {tokens.max()} is outside the vocabulary of {self.vocab}; a token file is damaged: "
                "delete data/corpus_tokenize and run `dvc repro` again"
            )

    @property
    def body(self) -> int:
        """Non-embedding parameters, by which the paper names its models."""
        D, F = self.width, self.ffn
        return self.layers * (4 * D * D + 3 * D * F + 2 * D) + D

    @property
    def parameters(self) -> int:
        """All parameters, embedding and head included."""
        return self.body + 2 * self.vocab * self.width

    def flops(self) -> dict[str, float]:
        """Training FLOPs a token (forward and backward): body only, with attention, with the head as well.

        Attention counts the full square, as is usual; a causal kernel does about half of it.
        """
        body = 6.0 * self.body
        attention = body + 12.0 * self.layers * self.width * self.context
        return {"body": body, "attention": attention, "full": attention + 6.0 * self.vocab * self.width}
