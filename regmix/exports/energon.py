"""Megatron-Energon: a metadataset that blends prepared data sets by samples."""

from __future__ import annotations

import json
from collections.abc import Mapping

from regmix.exchange.blend import Blend

SUFFIX, COUNTS, COMMENT = ".yaml", "documents", "#"
HEAD = """__module__: megatron.energon
__class__: MetadatasetV2
splits:
  train:
    blend:
"""


def render(blend: Blend, weights: Mapping[str, float]) -> str:
    parts = (
        f"      - weight: {weight!r}\n        path: {json.dumps(blend.path(name))}\n"
        for name, weight in weights.items()
    )
    return HEAD + "".join(parts)
