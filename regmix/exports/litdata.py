"""litData: folders and weights of CombinedStreamingDataset, which draws items. Its default, iterate_over_all=True,
refuses weights.
"""

from __future__ import annotations

from collections.abc import Mapping

from regmix.exchange.blend import Blend
from regmix.exports._python import lines

SUFFIX, COUNTS, COMMENT = ".py", "documents", "#"
STEM = "litdata_mixture"  # litdata.py would hide the library
TAIL = """

def combined(seed=42):
    from litdata import CombinedStreamingDataset, StreamingDataset

    parts = [StreamingDataset(folder) for folder in folders]
    return CombinedStreamingDataset(parts, seed=seed, weights=weights, iterate_over_all=False)
"""


def render(blend: Blend, weights: Mapping[str, float]) -> str:
    folders = lines("folders = [", (repr(blend.path(name)) for name in weights), "]")
    return folders + lines("weights = [", map(repr, weights.values()), "]") + TAIL
