"""Levanter: ``train_weights`` of LmDataConfig, a schedule where there are phases. Its starts are indices of sequences,
so a start in tokens is divided by the model's sequence length, and moved to the next mixture block.
"""

from __future__ import annotations

from regmix.exchange.blend import Blend
from regmix.exports._python import lines

SUFFIX, COUNTS, COMMENT = ".py", "tokens", "#"
SCHEDULES = True
HEAD = """SEQUENCE_LENGTH = 4096  # tokens; that of your model
MIXTURE_BLOCK_SIZE = 2048  # sequences; LmDataConfig's


def start(tokens):
    \"\"\"The first sequence of the mixture block that begins at or after ``tokens``.\"\"\"
    return -(-tokens // (SEQUENCE_LENGTH * MIXTURE_BLOCK_SIZE)) * MIXTURE_BLOCK_SIZE


"""


def render(blend: Blend) -> str:
    weights = [{name: phase.weights[name] for name in blend.domains} for phase in blend.phases]
    caches = lines("caches = {", (f"{name!r}: {blend.path(name)!r}" for name in blend.domains), "}")
    if len(blend.phases) == 1:
        return caches + lines("train_weights = {", (f"{name!r}: {value!r}" for name, value in weights[0].items()), "}")
    steps = (f"(start({phase.first_token}), {part!r})" for phase, part in zip(blend.phases, weights, strict=True))
    return HEAD + caches + lines("train_weights = [", steps, "]")
