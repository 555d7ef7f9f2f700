"""OLMo-core: the file of SourceMixtureList.from_yaml. It refuses a source that would be repeated more than
``max_repetition_ratio`` times, 1 by default: where the available tokens are known, this is raised as far as needed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from regmix.exchange.blend import Blend

SUFFIX, COUNTS, COMMENT = ".yaml", "tokens", "#"


def render(blend: Blend, weights: Mapping[str, float]) -> str:
    out = ["sources:\n"]
    for name, weight in weights.items():
        out.append(f"  - source_name: {json.dumps(name)}\n    target_ratio: {weight!r}\n")
        out.append(f"    paths:\n      - {json.dumps(blend.path(name))}\n")
        epochs = blend.epochs(name)
        if epochs is not None and epochs > 1:
            out.append(f"    max_repetition_ratio: {math.ceil(epochs * 100) / 100}  # {epochs:.3g} passes\n")
    return "".join(out)
