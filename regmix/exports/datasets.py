"""Hugging Face datasets: the arguments of interleave_datasets, which draws documents."""

from __future__ import annotations

from collections.abc import Mapping

from regmix.exchange.blend import Blend
from regmix.exports._python import lines

SUFFIX, COUNTS, COMMENT = ".py", "documents", "#"
STEM = "interleave"  # datasets.py would hide the library
TAIL = """

def interleave(parts, seed=0):
    \"\"\"``parts``: a data set for each domain. A domain that ends begins again; the last to end is the end.\"\"\"
    from datasets import interleave_datasets

    return interleave_datasets(
        [parts[domain] for domain in probabilities],
        probabilities=list(probabilities.values()),
        seed=seed,
        stopping_strategy="all_exhausted",
    )
"""


def render(blend: Blend, weights: Mapping[str, float]) -> str:
    paths = lines("paths = {", (f"{name!r}: {blend.path(name)!r}" for name in weights), "}")
    return paths + lines("probabilities = {", (f"{name!r}: {value!r}" for name, value in weights.items()), "}") + TAIL
