"""olmix: a mix with the weight of each source, and how often its tokens are repeated where these are known."""

from __future__ import annotations

import json
from collections.abc import Mapping

from regmix.exchange.blend import Blend

SUFFIX, COUNTS, COMMENT = ".yaml", "tokens", "#"


def render(blend: Blend, weights: Mapping[str, float]) -> str:
    out = ["mix:\n"]
    for name, weight in weights.items():
        epochs = blend.epochs(name)
        repeated = 1.0 if epochs is None else max(1.0, epochs)
        out.append(f"  {json.dumps(name)}:\n    weight: {weight!r}\n    repetition_factor: {repeated!r}\n")
    return "".join(out)
