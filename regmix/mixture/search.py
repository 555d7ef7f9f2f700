"""Score random candidates with fitted regressors and average the best.

K domains, M candidates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from regmix.core.errors import InputError
from regmix.regression import ensemble
from regmix.regression.interface import Model
from regmix.sampling.draws import BLOCK, candidate_block
from regmix.sampling.rules import Rules

SAMPLED = 2000  # candidates kept for figures
TOGETHER = 4  # most blocks of candidates scored in one call: trees take less time per row in large calls


@dataclass(frozen=True)
class Search:
    """How candidates are scored, with defaults for a notebook. Raises InputError for a value below its minimum.

    ``candidates`` are scored and the best ``top_k`` averaged; ``risk`` standard deviations are added to a predicted
    loss before ranking. ``refits`` fits to part of the runs repeat this, each with ``refit_candidates`` new ones.
    """

    candidates: int = 100_000
    top_k: int = 100
    risk: float = 1.0
    refits: int = 8
    refit_candidates: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"candidates": 1, "top_k": 1, "risk": 0, "refits": 2, "refit_candidates": 1, "seed": 0}
        for name, bound in least.items():
            if not getattr(self, name) >= bound:
                raise InputError(f"search: {name} = {getattr(self, name)}: must be at least {bound}")


def best(
    models: Mapping[str, Sequence[Model]], rules: Rules, search: Search, stream: int, pool: Executor
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The mean (K,) of the best candidates by objective, and the first ``SAMPLED`` candidates drawn.

    ``models`` contains the regressors of each objective, the same number for each; their ranks are averaged. Stream 0
    is that of the simulation; a refit draws ``refit_candidates`` and averages the same share of them. Raises
    InputError if no candidate keeps the bounds.
    """
    count = search.candidates if stream == 0 else search.refit_candidates
    top = min(count, max(1, round(search.top_k * count / search.candidates)))

    blocks = -(-count // BLOCK)
    together = max(1, min(TOGETHER, blocks // 2))  # two workers share a refit; set by ``count`` alone, as are the bits

    def score(first: int) -> tuple[np.ndarray, np.ndarray]:
        part = range(first, min(first + together, blocks))
        drawn = np.concatenate([candidate_block(rules, search.seed, stream, block) for block in part])
        drawn = drawn[: count - first * BLOCK]
        every = (model for group in models.values() for model in group)
        return drawn, np.stack([ensemble.risk_scores(model, drawn, search.risk) for model in every])

    drawn, scored = zip(*pool.map(score, range(0, blocks, together)), strict=True)
    candidates, scores = np.concatenate(drawn), np.concatenate(scored, axis=1)
    votes = len(scores) // len(models)

    def average(first: int) -> np.ndarray:
        ranks = ensemble.average_ranks(scores[first : first + votes])
        weights = candidates[np.argsort(ranks, kind="stable")[:top]].mean(axis=0)
        return weights / weights.sum()

    averages = pool.map(average, range(0, len(scores), votes))
    return dict(zip(models, averages, strict=True)), candidates[:SAMPLED]
