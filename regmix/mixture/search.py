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

    def size(self, stream: int) -> tuple[int, int]:
        """How many candidates a stream draws and how many of the best are averaged, the same share in every stream.

        Stream 0 is that of the fit to all runs, streams 1 to ``refits`` those of the refits.
        """
        count = self.candidates if stream == 0 else self.refit_candidates
        return count, min(count, max(1, round(self.top_k * count / self.candidates)))


def ranks(
    models: Mapping[str, Model], rules: Rules, search: Search, stream: int, pool: Executor
) -> dict[str, np.ndarray]:
    """One regressor's vote: by objective, the rank (M,) of each candidate of a stream, from 1; ties share their mean.

    ``models`` are its fits by objective. Raises InputError if no candidate keeps the bounds.
    """

    def score(part: range) -> np.ndarray:
        drawn = _draw(rules, search, stream, part)
        return np.stack([ensemble.risk_scores(model, drawn, search.risk) for model in models.values()])

    scores = np.concatenate(list(pool.map(score, _parts(search, stream))), axis=1)
    return dict(zip(models, pool.map(ensemble.ranks, scores), strict=True))


def best(
    votes: Sequence[Mapping[str, np.ndarray]], rules: Rules, search: Search, stream: int, pool: Executor
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The mean (K,) of the best candidates by objective, and the first ``SAMPLED`` candidates of the stream.

    ``votes`` are the ``ranks`` of each regressor; their mean decides.
    """
    drawn = pool.map(lambda part: _draw(rules, search, stream, part), _parts(search, stream))
    candidates, top = np.concatenate(list(drawn)), search.size(stream)[1]

    def average(objective: str) -> np.ndarray:
        mean = ensemble.average([vote[objective] for vote in votes])
        weights = candidates[np.argsort(mean, kind="stable")[:top]].mean(axis=0)
        return weights / weights.sum()

    averages = pool.map(average, votes[0])
    return dict(zip(votes[0], averages, strict=True)), candidates[:SAMPLED]


def _parts(search: Search, stream: int) -> list[range]:
    """The blocks of candidates that are drawn and scored together."""
    blocks = -(-search.size(stream)[0] // BLOCK)
    together = max(1, min(TOGETHER, blocks // 2))  # two workers share a refit; by the count alone, as are the bits
    return [range(first, min(first + together, blocks)) for first in range(0, blocks, together)]


def _draw(rules: Rules, search: Search, stream: int, part: range) -> np.ndarray:
    drawn = np.concatenate([candidate_block(rules, search.seed, stream, block) for block in part])
    return drawn[: search.size(stream)[0] - part.start * BLOCK]
