"""Megatron-LM, the file of --data-args-path: weights and prefixes, separated by white space."""

from __future__ import annotations

from collections.abc import Mapping

from regmix.exchange.blend import Blend
from regmix.exports._megatron import words

SUFFIX, COUNTS, COMMENT = ".txt", "tokens", None


def render(blend: Blend, weights: Mapping[str, float]) -> str:
    return "".join(f"{weight} {path}\n" for weight, path in words(blend, weights, "megatron-file"))
