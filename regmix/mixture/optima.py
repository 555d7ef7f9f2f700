"""The best mixtures by fits to runs, or to part of them: what a recommendation and a round of proposals both need.

N runs, K domains, E regressors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from regmix.core.runs import LossParts
from regmix.mixture.search import Each, Search, optimum, starts
from regmix.regression.ensemble import Ensemble, fitted, stack, together
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
    to fit, the ``rules`` that bound a mixture, and how to ``search``. ``workers`` change only the time: processes fit,
    threads score candidates.
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

    def part(self, refit: Refit) -> tuple[np.ndarray, LossParts]:
        """The mixtures and the losses of a refit's runs."""
        parts = self.losses[refit.objective]
        return self.mixtures[refit.rows], LossParts(parts.losses[refit.rows], parts.objective)

    def starts(self, objective: str, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Where the search for an objective's optimum starts, by fits to these runs: see ``search.starts``."""
        return starts(self.rules, self.mixtures[rows], self.losses[objective].objective.own(self.rules.domains))


def optima(evidence: Evidence, refits: Sequence[Refit]) -> tuple[np.ndarray, list[Optimum]]:
    """The regressors' weights (E,), by all runs, and the optimum of each refit. Raises InputError."""
    search = evidence.search
    with threadpool_limits(limits=1):
        weights = stack(evidence.regressors, evidence.mixtures, evidence.losses, search.seed, evidence.workers)
        data = [evidence.part(refit) for refit in refits]
        regressors = fitted(evidence.regressors, data, search.seed, evidence.workers)
        models = [together(regressors, weights, *part, search.seed) for part in data]

        def find(number: int, each: Each = map) -> np.ndarray:
            refit = refits[number]
            first = evidence.starts(refit.objective, refit.rows)
            return optimum(models[number], evidence.rules, search, refit.stream, first, each)

        with ThreadPoolExecutor(evidence.workers) as pool:
            # A fit to all runs has the most candidates, so the threads share these, once they are done with the others.
            others = {i: pool.submit(find, i) for i, refit in enumerate(refits) if refit.stream}
            points = [others[i].result() if i in others else find(i, pool.map) for i in range(len(refits))]
    return weights, [Optimum(*pair) for pair in zip(models, points, strict=True)]
