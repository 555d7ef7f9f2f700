"""Regressors by themselves: fitted to runs, and compared by cross-validation. N runs, K domains, M mixtures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from regmix.api.arguments import (
    REGRESSORS,
    regressors_of,
)
from regmix.core.inputs import Aim, Losses, Mixtures, mixture_table, need, run_table
from regmix.regression.assess import out_of_fold
from regmix.regression.ensemble import by_part
from regmix.regression.interface import Model, Regressor, TooFewRuns, grouped_folds
from regmix.statistics import metrics


@dataclass(frozen=True)
class Fitted:
    """A regressor fitted to runs over ``domains`` (K)."""

    regressor: str
    domains: tuple[str, ...]
    model: Model = field(repr=False)

    def predict(self, mixtures: Mixtures) -> pd.DataFrame:
        """loss, sd (M rows): predicted loss of ``mixtures`` (M, K), and the standard deviation of a run around it."""
        table = mixture_table(mixtures, self.domains)
        mean, sd = self.model.predict(table.to_numpy())
        return pd.DataFrame({"loss": mean, "sd": sd}, index=table.index)


def fit(
    mixtures: Mixtures,
    losses: Losses,
    regressor: str | Regressor = "gp",
    *,
    objective: Aim | None = None,
    domains: Sequence[str] | None = None,
    seed: int = 0,
) -> Fitted:
    """``regressor`` fitted to all runs. Raises InputError."""
    table, parts = run_table(mixtures, losses, objective, domains)
    (chosen,) = regressors_of([regressor], len(table))
    with threadpool_limits(limits=1):  # such small matrices are slower with more threads
        return Fitted(
            chosen.name,
            tuple(table.columns),
            by_part(chosen.fit, parts.objective)(table.to_numpy(), parts.losses, seed),
        )


def compare(
    mixtures: Mixtures,
    losses: Losses,
    regressors: Iterable[str | Regressor] = tuple(REGRESSORS),
    *,
    objective: Aim | None = None,
    domains: Sequence[str] | None = None,
    folds: int = 5,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    worst_case: bool = False,
) -> pd.DataFrame:
    """One row per regressor, best first: spearman, mae and their intervals (_low, _high), and n, by cross-validation.

    Runs of one mixture share a fold, and all regressors use the same folds. Intervals have ``level`` coverage, from
    ``resamples`` of the runs. NaN for a regressor that needs more runs. Raises InputError.
    """
    need(0 < level < 1, f"level = {level}: must lie between 0 and 1")
    need(folds >= 2, f"folds = {folds}: must be at least 2")
    table, parts = run_table(mixtures, losses, objective, domains, worst_case=worst_case)
    weights, values = table.to_numpy(), parts.total
    grouped_folds(weights, folds, seed)  # raises if there are too few mixtures for the folds
    rows = []
    for regressor in regressors_of(regressors, len(table)):
        try:
            with threadpool_limits(limits=1):
                fit = by_part(regressor.fit, parts.objective)
                mean = out_of_fold(fit, weights, parts.losses, folds, seed, deviations=False).mean
        except TooFewRuns:
            mean = np.full(len(values), math.nan)
        scores = metrics.score(values, mean, k=1, resamples=resamples, level=level, seed=seed)
        rows.append([regressor.name, *scores["spearman"], *scores["mae"], len(values)])
    columns = [f"{name}{end}" for name in ("spearman", "mae") for end in ("", "_low", "_high")]
    scored = pd.DataFrame(rows, columns=["regressor", *columns, "n"]).set_index("regressor")
    return scored.sort_values("spearman", ascending=False, kind="stable")
