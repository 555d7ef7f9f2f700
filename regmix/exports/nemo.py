"""NeMo 2: ``paths`` of PreTrainingDataModule, weights and prefixes in turn, as in Megatron."""

from __future__ import annotations

from collections.abc import Mapping

from regmix.exchange.blend import Blend
from regmix.exports._python import lines

SUFFIX, COUNTS, COMMENT = ".py", "tokens", "#"


def render(blend: Blend, weights: Mapping[str, float]) -> str:
    return lines("paths = [", (f'"{weight!r}", {blend.path(name)!r}' for name, weight in weights.items()), "]")
