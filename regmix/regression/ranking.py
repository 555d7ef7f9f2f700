"""Which regressor ranks mixtures best, and by how much it beats the baseline that trains no proxy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.regression import assess
from regmix.regression.settings import Regression
from regmix.statistics import intervals, metrics
from regmix.statistics.intervals import Score

NO_PROXY, NOISE = "no_proxy", "seed_noise"  # rows of scores.csv that are not regressors
ENSEMBLE = "ensemble"  # of those that choose the mixture


def best(scores: pd.DataFrame, objective: str) -> str:
    """The regressor with the highest Spearman in cross-validation, so the held-out runs stay unseen."""
    part = scores[(scores["objective"] == objective) & (scores["split"] == "cv") & (scores["metric"] == "spearman")]
    part = part[~part["regressor"].isin([NO_PROXY, NOISE])]
    return str(part.loc[part["value"].fillna(-math.inf).idxmax(), "regressor"])


def score(scores: pd.DataFrame, regressor: str, objective: str, split: str, metric: str = "spearman") -> Score:
    """A metric and its interval; NaN where there is none."""
    rows = rows_of(scores, regressor, objective, split)
    rows = rows[rows["metric"] == metric]
    if rows.empty:
        return Score(math.nan, math.nan, math.nan)
    value, low, high = rows[["value", "low", "high"]].iloc[0].tolist()
    return Score(value, low, high)


def rows_of(scores: pd.DataFrame, regressor: str, objective: str, split: str) -> pd.DataFrame:
    """The rows of scores.csv for one regressor, objective and split."""
    return scores[(scores["regressor"] == regressor) & (scores["objective"] == objective) & (scores["split"] == split)]


def noise(repeated: Runs, seeds: np.ndarray, objective: Objective, level: float) -> dict[str, tuple[Score, int]]:
    """How far runs of one mixture differ by their seeds (N,), and the degrees of freedom: ``sd`` in all, ``sd_shared``
    without what the runs of a seed have in common.
    """
    losses, mixtures = repeated.objective(objective), repeated.mixture_ids()
    return {
        "sd": intervals.pooled_spread(losses, mixtures, level),
        "sd_shared": intervals.paired_spread(losses, mixtures, seeds, level),
    }


def over_no_proxy(
    predictions: Mapping[str, pd.DataFrame],
    swarm: Runs,
    objectives: Mapping[str, Objective],
    settings: Regression,
) -> pd.DataFrame:
    """regressor, objective, split, difference, low, high: Spearman minus that of the baseline without proxies.

    Both are computed on the same resamples of the runs, so the interval is that of the difference. An objective
    without such a baseline has no rows.
    """
    place = {name: i for i, name in enumerate(swarm.names)}
    rows = []
    for name, objective in objectives.items():
        baseline = assess.no_proxy(swarm, objective)
        if baseline is None:
            continue
        for regressor, frame in predictions.items():
            for split, part in frame[frame["objective"] == name].groupby("split", sort=False):
                true, predicted = part["true"].to_numpy(), part["predicted"].to_numpy()
                no_proxy = baseline[[place[run] for run in part["run"]]]
                difference = metrics.margin(
                    true, predicted, no_proxy, resamples=settings.bootstrap, level=settings.interval, seed=settings.seed
                )
                rows.append([regressor, name, split, *difference])
    return pd.DataFrame(rows, columns=["regressor", "objective", "split", "difference", "low", "high"])


def weight_correlations(runs: Runs, validated: Sequence[str]) -> pd.DataFrame:
    """domain, then one column per loss in ``validated``: Spearman of each weight with each loss over the runs."""
    weights = runs.mixtures.T
    table = {v: metrics.spearman(weights, np.broadcast_to(runs.losses[v].to_numpy(), weights.shape)) for v in validated}
    return pd.DataFrame({"domain": list(runs.domains), **table})
