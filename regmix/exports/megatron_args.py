"""Megatron-LM, on the command line: --data-path WEIGHT PREFIX ... of indexed data sets. Weights are of tokens."""

from __future__ import annotations

from collections.abc import Mapping

from regmix.exchange.blend import Blend
from regmix.exports._megatron import words

SUFFIX, COUNTS, COMMENT = ".txt", "tokens", None


def render(blend: Blend, weights: Mapping[str, float]) -> str:
    pairs = words(blend, weights, "megatron-args")
    return f"--data-path {' '.join(f'{weight} {path}' for weight, path in pairs)}\n"
