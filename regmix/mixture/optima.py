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
from regmix.mixture.search import Each, Search, optimum, starts
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


@dataclass(frozen=True)
class Evidence:
    """What an optimum follows from: ``mixtures`` (N, K) of runs, their ``losses`` by objective, the ``regressors`` (E)
    to fit, the ``rules`` that bound a mixture, and how to ``search``. ``workers`` (threads) change only the time.
    """

    mixtures: np.ndarray
    losses: Mapping[str, LossParts]
    regressors: Sequence[Regressor]
    rules: Rules
    search: Search
    workers: int = 1

    def whole(self) -> list[Refit]:
        """A fit to all runs for each objective."""
        return [Refit(name, np.arange(len(self.mixtures)), 0) for name in self.losses]

    def starts(self, objective: str, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Where the search for an objective's optimum starts, by fits to these runs: see ``search.starts``."""
        return starts(self.rules, self.mixtures[rows], self.losses[objective].objective.own(self.rules.domains))


def optima(evidence: Evidence, refits: Sequence[Refit]) -> tuple[np.ndarray, list[Optimum]]:
    """The regressors' weights (E,), by all runs, and the optimum of each refit. Raises InputError."""
    regressors = [replace(regressor, fit=cached(regressor.fit)) for regressor in evidence.regressors]
    search = evidence.search
    with threadpool_limits(limits=1), ThreadPoolExecutor(evidence.workers) as pool:
        weights = stack(regressors, evidence.mixtures, evidence.losses, search.seed, pool.map)

        def find(refit: Refit, each: Each = map) -> Optimum:
            parts = evidence.losses[refit.objective]
            seen = LossParts(parts.losses[refit.rows], parts.objective)
            model = together(regressors, weights, evidence.mixtures[refit.rows], seen, search.seed)
            first = evidence.starts(refit.objective, refit.rows)
            return Optimum(model, optimum(model, evidence.rules, search, refit.stream, first, each))

        # A fit to all runs has the most candidates, so the threads share these, once they are done with the others.
        others = [pool.submit(find, refit) if refit.stream else None for refit in refits]
        return weights, [
            other.result() if other else find(refit, pool.map) for refit, other in zip(refits, others, strict=True)
        ]
