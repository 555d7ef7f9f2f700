"""Regressors against each other on the same runs, with the baseline that trains no proxy and a vote by rank.

N runs; a split is a set of runs that a regressor is judged on.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regmix.core.runs import Runs
from regmix.published.settings import Stop
from regmix.regression import assess, ensemble
from regmix.regression.settings import Regression
from regmix.regressors import lightgbm
from regmix.statistics import intervals, metrics
from regmix.statistics.intervals import Score

NO_PROXY, ENSEMBLE = "no_proxy", "ensemble"
ORDERS = (NO_PROXY, ENSEMBLE)  # what predicts an order and no losses
STARVED = "_starved"  # ends the name of a split's part with little of the objective
Told = dict[str, dict[str, np.ndarray]]  # regressor -> split -> predictions (N,)


def entrants(told: Mapping[str, Mapping[str, np.ndarray]], members: Sequence[str], sets: Mapping[str, Runs],
             objective: str) -> Told:  # fmt: skip
    """The regressors' predictions with those of ENSEMBLE, the mean rank of its members, and of NO_PROXY."""
    votes = {split: ensemble.average_ranks([told[name][split] for name in members]) for split in sets}
    baseline = {split: assess.no_proxy(runs, {objective: 1.0}) for split, runs in sets.items()}
    found = {name: dict(by_split) for name, by_split in told.items()} | {ENSEMBLE: votes}
    return found | {NO_PROXY: {split: rows for split, rows in baseline.items() if rows is not None}}


def starved(sets: Mapping[str, Runs], told: Told, domain: str, share: float) -> tuple[dict[str, Runs], Told]:
    """The part of every split whose weight on ``domain`` is below ``share``, and what was told of it.

    Where every mixture has plenty of the domain a ranking may owe all to its weight; here that is no help.
    """
    rows = {split: runs.mixtures[:, runs.domains.index(domain)] < share for split, runs in sets.items()}
    kept = {split: mask for split, mask in rows.items() if mask.sum() > 2}
    return (
        {f"{split}{STARVED}": sets[split].at(mask) for split, mask in kept.items()},
        {name: {f"{split}{STARVED}": of[split][mask] for split, mask in kept.items()} for name, of in told.items()},
    )


def judged(sets: Mapping[str, Runs], told: Told, objective: str, settings: Regression) -> pd.DataFrame:
    """regressor, objective, split, metric, value, low, high, n; errors in nats only of what predicts losses."""
    return pd.concat(
        [
            listed(
                name,
                objective,
                {
                    split: assess.score(sets[split].objective({objective: 1.0}), predicted, settings)
                    for split, predicted in by_split.items()
                },
                sets,
            )
            for name, by_split in told.items()
        ]
    )


def listed(
    name: str, objective: str, found: Mapping[str, Mapping[str, Score]], sets: Mapping[str, Runs]
) -> pd.DataFrame:
    """A regressor's scores by split and metric as rows of ``judged``."""
    rows = [
        [name, objective, split, metric, *figure, len(sets[split].names)]
        for split, part in found.items()
        for metric, figure in part.items()
        if name not in ORDERS or metric not in ("mae", "rmse", "mse")
    ]
    return pd.DataFrame(rows, columns=["regressor", "objective", "split", "metric", "value", "low", "high", "n"])


def margins(
    sets: Mapping[str, Runs], told: Told, objective: str, baseline: str | None, settings: Regression
) -> pd.DataFrame:
    """objective, split, first, second, value, low, high: Spearman of the first less that of the second.

    Both are taken on the same resamples. All pairs, or all against ``baseline``.
    """
    pairs = (
        list(itertools.combinations(told, 2)) if baseline is None else [(n, baseline) for n in told if n != baseline]
    )
    rows = []
    for split, runs in sets.items():
        true = runs.objective({objective: 1.0})
        spread = {
            name: intervals.bootstrap(
                metrics.spearman, true, of[split], resamples=settings.bootstrap, seed=settings.seed
            )
            for name, of in told.items()
            if split in of
        }
        value = {name: float(metrics.spearman(true, told[name][split])) for name in spread}
        for first, second in pairs:
            if first in spread and second in spread:
                low, high = intervals.percentiles(spread[first] - spread[second], settings.interval)
                rows.append([objective, split, first, second, value[first] - value[second], low, high])
    return pd.DataFrame(rows, columns=["objective", "split", "first", "second", "value", "low", "high"])


def stops(
    weights: Mapping[str, np.ndarray],
    divided: Mapping[str, np.ndarray],
    losses: Mapping[str, np.ndarray],
    train: str,
    leaked: str,
    options: Any,
    stop: Stop,
) -> tuple[dict[str, int], Told]:
    """Variants of the paper's LightGBM: its trees and predictions by name.

    ``lightgbm_notebook`` stops early on the test set ``leaked``, as the published notebook does, ``lightgbm_stopped``
    on the last ``share`` of ``train``; ``lightgbm_divided`` has all trees and learns from ``divided``, the weights over
    their sums. Weights (N, K) and losses (N,) are by split.
    """
    kept, aside = parts(len(losses[train]), stop.share)[-1]
    part = {name: (weights[train][rows], losses[train][rows]) for name, rows in (("aside", aside), ("kept", kept))}
    whole = (weights[train], losses[train])
    fits = {
        "lightgbm_notebook": (weights, whole, (weights[leaked], losses[leaked])),
        "lightgbm_stopped": (weights, part["kept"], part["aside"]),
        "lightgbm_divided": (divided, (divided[train], losses[train]), None),
    }
    trees, told = {}, {}
    for name, (inputs, known, valid) in fits.items():
        count = options.trees
        if valid is not None:
            count = lightgbm.stopping_point(known, valid, options, stop.rounds, stop.seed)
        model = lightgbm.Booster(*known, options.model_copy(update={"trees": count}), stop.seed)
        told[name] = {split: model.predict(rows) for split, rows in inputs.items() if split != train}
        trees[name] = count
    return trees, told


def parts(count: int, share: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """The rows to keep and those to set aside, for each of the 1 / ``share`` consecutive parts of ``count`` runs.

    The published runs are in random order, so each part is a fair sample.
    """
    every = np.arange(count)
    return [(np.setdiff1d(every, aside), aside) for aside in np.array_split(every, round(1 / share))]


def stops_by_part(sets: Mapping[str, Runs], train: str, objective: str, options: Any, stop: Stop) -> pd.DataFrame:
    """part, trees, split, spearman: ``lightgbm_stopped`` with each part of ``train`` set aside in turn."""
    known, rows = sets[train], []
    losses = known.objective({objective: 1.0})
    for number, (kept, aside) in enumerate(parts(len(losses), stop.share)):
        learnt, valid = ((known.mixtures[part], losses[part]) for part in (kept, aside))
        trees = lightgbm.stopping_point(learnt, valid, options, stop.rounds, stop.seed)
        model = lightgbm.Booster(*learnt, options.model_copy(update={"trees": trees}), stop.seed)
        for split, runs in sets.items():
            if split != train:
                value = float(metrics.spearman(runs.objective({objective: 1.0}), model.predict(runs.mixtures)))
                rows.append([number, trees, split, value])
    return pd.DataFrame(rows, columns=["part", "trees", "split", "spearman"])
