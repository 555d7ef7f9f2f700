"""Search for the mixture of the lowest predicted loss: random candidates, then draws around the best.

Sparse Dirichlet draws hardly ever fall near a good mixture inside the simplex, or on a face of it, however many there
are: in one of our swarms, of 131,000 candidates 11 lay near the optimum and 4,658 near the corner that was chosen. So
the best candidates, the runs and the objective's own domains are where further candidates are drawn.

K domains, M candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from regmix.core.errors import InputError
from regmix.sampling.draws import BLOCK, candidate_block, near
from regmix.sampling.rules import Rules

Each = Callable[..., Iterable[Any]]  # as the built-in map, or an executor's
TOGETHER = 4  # blocks of candidates scored in one call: trees take less time per row in large calls
PARENTS = 20  # best candidates, around which the next are drawn


class Scored(Protocol):
    """What a search minimises: the score (M,) of mixtures (M, K) at a ``risk``, in standard deviations."""

    def score(self, mixtures: np.ndarray, risk: float) -> np.ndarray: ...


@dataclass(frozen=True)
class Search:
    """How candidates are scored, with defaults for a notebook. Raises InputError for a value below its minimum.

    ``candidates`` are scored, then ``local_candidates`` around the best of them, ``local_steps`` times, and the best
    ``top_k`` averaged; ``risk`` standard deviations are added to a predicted loss before. ``refits`` fits to part of
    the runs repeat this, each with ``refit_candidates`` new ones. The papers have no local steps.
    """

    candidates: int = 20_000
    top_k: int = 20
    risk: float = 1.0
    local_steps: int = 6
    local_candidates: int = 2000
    refits: int = 8
    refit_candidates: int = 5_000
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"candidates": 1, "top_k": 1, "risk": 0, "local_steps": 0, "local_candidates": 1, "refits": 2,
                 "refit_candidates": 1, "seed": 0}  # fmt: skip
        for name, bound in least.items():
            if not getattr(self, name) >= bound:
                raise InputError(f"search: {name} = {getattr(self, name)}: must be at least {bound}")

    def size(self, stream: int) -> tuple[int, int]:
        """How many candidates a stream draws, and how many of the best are averaged.

        Stream 0 is that of the fit to all runs, streams 1 to ``refits`` those of the refits. Without local steps, all
        average the same share of their candidates.
        """
        count = self.candidates if stream == 0 else self.refit_candidates
        top = self.top_k if self.local_steps else round(self.top_k * count / self.candidates)
        return count, min(count, max(1, top))


def optimum(
    model: Scored, rules: Rules, search: Search, stream: int, starts: np.ndarray, each: Each = map
) -> np.ndarray:
    """The mean (K,) of the best candidates of a stream by ``model``.

    ``starts`` (n, K) are candidates too if there are local steps, moved within the constraints. ``each`` maps over
    parts of the random candidates. Raises InputError if no candidate keeps the constraints.
    """
    count, top = search.size(stream)
    pool, scores = np.empty((0, len(rules.domains))), np.empty(0)

    def add(drawn: np.ndarray, values: np.ndarray) -> None:
        nonlocal pool, scores
        joined, all_scores = np.concatenate([pool, drawn]), np.append(scores, values)
        best = np.argsort(all_scores, kind="stable")[: max(top, PARENTS)]
        pool, scores = joined[best], all_scores[best]

    def score(drawn: np.ndarray) -> np.ndarray:
        values = model.score(drawn, search.risk)
        return values + rules.kl_reg * rules.region.distance(drawn) if rules.kl_reg else values

    def part(first: int) -> tuple[np.ndarray, np.ndarray]:
        blocks = range(first, min(first + TOGETHER, -(-count // BLOCK)))
        drawn = np.concatenate([candidate_block(rules, search.seed, stream, block) for block in blocks])
        drawn = drawn[: count - first * BLOCK]
        return drawn, score(drawn)

    for drawn, values in each(part, range(0, -(-count // BLOCK), TOGETHER)):
        add(drawn, values)
    if search.local_steps:
        own = np.unique(rules.nearest(starts), axis=0)
        add(own, score(own))
    for step in range(search.local_steps):
        around = near(rules, pool[:PARENTS], search.seed, stream, step, count=search.local_candidates)
        add(around, score(around))
    weights = pool[:top].mean(axis=0)
    return np.asarray(weights / weights.sum())


def starts(rules: Rules, mixtures: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Where a search starts besides random candidates: the runs (N, K), the prior, equal weights, each domain alone,
    and ``own`` (K,), an objective's weights on the trained domains, if any is above 0.
    """
    rows = [mixtures, rules.prior[None], rules.uniform[None], np.eye(len(rules.domains))]
    return np.concatenate([*rows, own[None] / own.sum()] if own.sum() > 0 else rows)
