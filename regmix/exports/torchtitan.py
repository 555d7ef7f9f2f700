"""torchtitan (0.3): the sources of InterleavedHuggingFaceTextDataLoader, which packs each before it draws."""

from __future__ import annotations

from collections.abc import Mapping

from regmix.exchange.blend import Blend
from regmix.exports._python import lines

SUFFIX, COUNTS, COMMENT = ".py", "tokens", "#"
IMPORT = "from torchtitan.hf_datasets.text_datasets import HFDataSource\n\n"


def render(blend: Blend, weights: Mapping[str, float]) -> str:
    """Each data set's name must be registered in torchtitan's DATASETS."""
    sources = (
        f"HFDataSource(dataset={name!r}, dataset_path={blend.path(name)!r}, weight={weight!r})"
        for name, weight in weights.items()
    )
    return IMPORT + lines("sources = [", sources, "]")
