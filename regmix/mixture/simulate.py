"""Choose a mixture: score random candidates, average the best, and estimate how certain the choice is.

The paper's section 3.3 scores a million candidates with one regressor and averages the best hundred. That trusts
the regressor exactly where it errs most in the mixture's favour. So ``risk`` standard deviations are added before
ranking, and the ranks of several regressors are averaged.

Refits to part of the runs, each with its own candidates, show how firmly the runs determine the choice (judge.py).

N runs, K domains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from regmix.mixture.judge import Simulation, judge
from regmix.mixture.refits import resamples, stretch
from regmix.mixture.search import Search, best
from regmix.regression import ensemble
from regmix.regression.interface import Regressor
from regmix.sampling.rules import Rules


@dataclass(frozen=True)
class Result:
    """Simulations by objective, and a sample of the candidates with their predicted losses."""

    simulations: dict[str, Simulation]
    candidates: pd.DataFrame  # <domains>, then predicted_<objective> and sd_<objective>

    def refit_tables(self) -> pd.DataFrame:
        """The refits of all objectives: objective, refit, gain, <domains>."""
        parts = {name: simulation.refits for name, simulation in self.simulations.items()}
        return pd.concat(parts, names=["objective"]).reset_index(level=0).reset_index(drop=True)


def simulate(
    mixtures: np.ndarray,
    losses: Mapping[str, np.ndarray],
    regressors: Sequence[Regressor],
    rules: Rules,
    search: Search,
    level: float,
    workers: int = 1,
) -> Result:
    """Choose a mixture for every objective from runs (N, K) and their losses (N,) by objective.

    ``rules`` bounds the candidates; ``level`` is the coverage of the gain's interval; the number of ``workers``
    (threads) changes only the time. All objectives are scored on the same candidates. Raises InputError.
    """
    with threadpool_limits(limits=1), ThreadPoolExecutor(workers) as pool:
        rows = [np.arange(len(mixtures)), *resamples(len(mixtures), search.refits, search.seed)]
        jobs = [(fold, name, regressor) for fold in rows for name in losses for regressor in regressors]
        fitted = iter(pool.map(lambda job: job[2].fit(mixtures[job[0]], losses[job[1]][job[0]], search.seed), jobs))
        models = [{name: [next(fitted) for _ in regressors] for name in losses} for _ in rows]
        chosen, sample = best(models[0], rules, search, 0, pool)
        optima = [best(refit, rules, search, stream, pool)[0] for stream, refit in enumerate(models[1:], 1)]
    factor = stretch(rows[1:], len(mixtures))
    simulations = {
        name: judge(
            chosen[name],
            [refit[name] for refit in optima],
            [fit[name] for fit in models],
            factor,
            mixtures,
            rules,
            level,
        )
        for name in losses
    }
    table = {domain: sample[:, k] for k, domain in enumerate(rules.domains)}
    for name in losses:
        table[f"predicted_{name}"], table[f"sd_{name}"] = ensemble.pooled(models[0][name], sample)
    return Result(simulations, pd.DataFrame(table))
