"""RegMix's own training code: a YAML of weights by data set, as its swarm's configurations are."""

from __future__ import annotations

import json
from collections.abc import Mapping

from regmix.exchange.blend import Blend

SUFFIX, COUNTS, COMMENT = ".yaml", "tokens", "#"


def render(blend: Blend, weights: Mapping[str, float]) -> str:
    """Add its ``valid`` and ``model_name``."""
    rows = (f"  {json.dumps(blend.path(name))}: {weight!r}\n" for name, weight in weights.items())
    return "train:\n" + "".join(rows)
