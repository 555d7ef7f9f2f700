"""Choose a mixture: search for the lowest predicted loss, and estimate how certain the choice is.

The paper's section 3.3 scores a million candidates with one regressor and averages the best hundred. That trusts
the regressor exactly where it errs most in the mixture's favour. So ``risk`` standard deviations are added before
ranking, and several regressors are weighed by how well they predict unseen runs.

Refits to part of the runs, each with its own candidates, show how firmly the runs determine the choice (judge.py).

N runs, K domains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from regmix.core.runs import LossParts
from regmix.mixture.judge import Simulation, judge
from regmix.mixture.refits import resamples, stretch
from regmix.mixture.search import Search, optimum, starts
from regmix.regression.ensemble import Ensemble, by_part, remembered, stack
from regmix.regression.interface import Regressor
from regmix.sampling.draws import candidate_block
from regmix.sampling.rules import Rules

SAMPLED = 2000  # candidates kept for figures


@dataclass(frozen=True)
class Result:
    """Simulations by objective, the regressors' weights (E,), and a sample of the candidates with predicted losses."""

    simulations: dict[str, Simulation]
    weights: np.ndarray
    candidates: pd.DataFrame  # <domains>, then predicted_<objective> and sd_<objective>

    def refit_tables(self) -> pd.DataFrame:
        """The refits of all objectives: objective, refit, gain, <domains>."""
        parts = {name: simulation.refits for name, simulation in self.simulations.items()}
        return pd.concat(parts, names=["objective"]).reset_index(level=0).reset_index(drop=True)


def simulate(
    mixtures: np.ndarray,
    losses: Mapping[str, LossParts],
    regressors: Sequence[Regressor],
    rules: Rules,
    search: Search,
    level: float,
    workers: int = 1,
) -> Result:
    """Choose a mixture for every objective from runs (N, K) and their losses by objective.

    ``rules`` bounds the candidates; ``level`` is the coverage of the gain's interval; the number of ``workers``
    (threads) changes only the time. All objectives are scored on the same random candidates. Raises InputError.
    """
    regressors = [replace(regressor, fit=remembered(regressor.fit)) for regressor in regressors]
    rows = [np.arange(len(mixtures)), *resamples(len(mixtures), search.refits, search.seed)]
    with threadpool_limits(limits=1), ThreadPoolExecutor(workers) as pool:
        weights = stack(regressors, mixtures, losses, search.seed, pool.map)

        def fit(job: tuple[str, np.ndarray]) -> Ensemble:
            parts, seen = losses[job[0]], job[1]
            members = [by_part(regressor.fit, parts.weights)(mixtures[seen], parts.losses[seen], search.seed)
                       for regressor in regressors]  # fmt: skip
            return Ensemble(members, weights)

        def choose(job: tuple[str, int]) -> np.ndarray:
            name, stream = job
            first = starts(rules, mixtures[rows[stream]], losses[name].among(rules.domains))
            return optimum(models[name][stream], rules, search, stream, first)

        jobs = [(name, seen) for name in losses for seen in rows]
        fitted = iter(list(pool.map(fit, jobs)))
        models = {name: [next(fitted) for _ in rows] for name in losses}
        found = iter(list(pool.map(choose, [(name, stream) for name in losses for stream in range(len(rows))])))
    chosen = {name: [next(found) for _ in rows] for name in losses}
    factor = stretch(rows[1:], len(mixtures))
    simulations = {
        name: judge(chosen[name][0], chosen[name][1:], models[name], factor, mixtures, rules, level) for name in losses
    }
    sample = candidate_block(rules, search.seed, 0, 0)[: min(SAMPLED, search.candidates)]
    table = {domain: sample[:, k] for k, domain in enumerate(rules.domains)}
    for name in losses:
        table[f"predicted_{name}"], table[f"sd_{name}"] = models[name][0].predict(sample)
    return Result(simulations, weights, pd.DataFrame(table))
