"""MosaicML Streaming and LLM-Foundry: ``streams`` with proportions, of samples."""

from __future__ import annotations

import json
from collections.abc import Mapping

from regmix.exchange.blend import Blend

SUFFIX, COUNTS, COMMENT = ".yaml", "documents", "#"


def render(blend: Blend, weights: Mapping[str, float]) -> str:
    out = ["streams:\n"]
    for name, weight in weights.items():
        out.append(f"  {json.dumps(name)}:\n    local: {json.dumps(blend.path(name))}\n    proportion: {weight!r}\n")
    return "".join(out)
