"""Megatron-LM, the file of --per-split-data-args-path, which must have all three splits. Validation and test are
empty, for you to fill.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from regmix.exchange.blend import Blend

SUFFIX, COUNTS, COMMENT = ".json", "tokens", None


def render(blend: Blend, weights: Mapping[str, float]) -> str:
    train = [part for name, weight in weights.items() for part in (repr(weight), blend.path(name))]
    return json.dumps({"train": train, "valid": [], "test": []}, indent=1) + "\n"
