"""Choose a mixture: score random candidates, average the best, and estimate how certain the choice is.

The paper's section 3.3 scores a million candidates with one regressor and averages the best hundred. That trusts
the regressor exactly where it errs most in the mixture's favour. So ``risk`` standard deviations are added before
ranking, and the ranks of several regressors are averaged.

Refits to part of the runs, each with its own candidates, show how firmly the runs determine the choice (judge.py).

N runs, K domains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from regmix.mixture.judge import Simulation, judge
from regmix.mixture.refits import resamples, stretch
from regmix.mixture.search import Search, best, ranks
from regmix.regression import ensemble
from regmix.regression.interface import Model, Regressor
from regmix.sampling.rules import Rules

Votes = list[dict[str, np.ndarray]]  # one regressor's ranks (M,) by objective, for every stream of candidates


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
    votes = [vote(mixtures, losses, regressor, rules, search, workers) for regressor in regressors]
    return elect(mixtures, losses, regressors, votes, rules, search, level, workers)


def vote(
    mixtures: np.ndarray,
    losses: Mapping[str, np.ndarray],
    regressor: Regressor,
    rules: Rules,
    search: Search,
    workers: int = 1,
) -> Votes:
    """One regressor's ranking of the candidates of every stream. The arguments are those of ``simulate``."""
    with threadpool_limits(limits=1), ThreadPoolExecutor(workers) as pool:
        fits = _fits(mixtures, losses, regressor, search, pool)
        return [ranks(models, rules, search, stream, pool) for stream, models in enumerate(fits)]


def elect(
    mixtures: np.ndarray,
    losses: Mapping[str, np.ndarray],
    regressors: Sequence[Regressor],
    votes: Sequence[Votes],
    rules: Rules,
    search: Search,
    level: float,
    workers: int = 1,
) -> Result:
    """Choose by the regressors' ``votes``; the other arguments are those of ``simulate``.

    The regressors are fitted again, for the chosen mixture is a mean of candidates, so no vote contains its predicted
    loss. For dozens of runs that takes a small part of the time of ranking, for hundreds about half of it.
    """
    with threadpool_limits(limits=1), ThreadPoolExecutor(workers) as pool:
        (chosen, sample), *refits = [
            best(stream_votes, rules, search, stream, pool)
            for stream, stream_votes in enumerate(zip(*votes, strict=True))
        ]
        fits = [_fits(mixtures, losses, regressor, search, pool) for regressor in regressors]
    factor = stretch(_rows(mixtures, search)[1:], len(mixtures))
    simulations = {
        name: judge(
            chosen[name],
            [optima[name] for optima, _ in refits],
            [[models[name] for models in fit] for fit in zip(*fits, strict=True)],
            factor,
            mixtures,
            rules,
            level,
        )
        for name in losses
    }
    table = {domain: sample[:, k] for k, domain in enumerate(rules.domains)}
    for name in losses:
        table[f"predicted_{name}"], table[f"sd_{name}"] = ensemble.pooled([fit[0][name] for fit in fits], sample)
    return Result(simulations, pd.DataFrame(table))


def _rows(mixtures: np.ndarray, search: Search) -> list[np.ndarray]:
    """The rows of the runs that each fit sees: all, then those of the refits."""
    return [np.arange(len(mixtures)), *resamples(len(mixtures), search.refits, search.seed)]


def _fits(
    mixtures: np.ndarray, losses: Mapping[str, np.ndarray], regressor: Regressor, search: Search, pool: Executor
) -> list[dict[str, Model]]:
    """One regressor's models by objective, fitted to all runs and then to those of each refit."""
    rows = _rows(mixtures, search)
    jobs = [(fold, values) for fold in rows for values in losses.values()]
    fitted = pool.map(lambda job: regressor.fit(mixtures[job[0]], job[1][job[0]], search.seed), jobs)
    models = iter(list(fitted))
    return [{name: next(models) for name in losses} for _ in rows]
