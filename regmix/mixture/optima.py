"""The best mixtures by fits to runs, or to part of them: what a recommendation and a round of proposals both need.

N runs, K domains, E regressors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from regmix.core.runs import LossParts
from regmix.mixture.search import Search, optimum, starts
from regmix.regression.ensemble import Ensemble, cached, stack, together
from regmix.regression.interface import Regressor
from regmix.sampling.rules import Rules


@dataclass(frozen=True)
class Refit:
    """The ``rows`` of the runs to fit an ``objective`` to, and the ``stream`` of the random candidates."""

    objective: str
    rows: np.ndarray
    stream: int


@dataclass(frozen=True)
class Optimum:
    """The ensemble fitted to a refit's runs, and its best mixture ``weights`` (K,)."""

    model: Ensemble
    weights: np.ndarray


def optima(
    mixtures: np.ndarray,
    losses: Mapping[str, LossParts],
    regressors: Sequence[Regressor],
    rules: Rules,
    search: Search,
    refits: Sequence[Refit],
    workers: int,
) -> tuple[np.ndarray, list[Optimum]]:
    """The regressors' weights (E,), by all runs, and the optimum of each refit.

    From runs (N, K) and their losses by objective; the number of ``workers`` (threads) changes only the time. Raises
    InputError.
    """
    regressors = [replace(regressor, fit=cached(regressor.fit)) for regressor in regressors]
    with threadpool_limits(limits=1), ThreadPoolExecutor(workers) as pool:
        weights = stack(regressors, mixtures, losses, search.seed, pool.map)

        def find(refit: Refit) -> Optimum:
            parts, seen = losses[refit.objective], mixtures[refit.rows]
            known = LossParts(parts.losses[refit.rows], parts.objective)
            model = together(regressors, weights, seen, known, search.seed)
            first = starts(rules, seen, parts.objective.own(rules.domains))
            return Optimum(model, optimum(model, rules, search, refit.stream, first))

        return weights, list(pool.map(find, refits))
