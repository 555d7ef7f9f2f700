"""Where the paper's LightGBM stops, depending on the validation runs: the published notebook stops on a test set.

N runs, K domains; a split is a set of runs that a regressor is judged on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.published.settings import Stop
from regmix.regressors import lightgbm
from regmix.statistics import metrics


def stops(
    weights: Mapping[str, np.ndarray],
    divided: Mapping[str, np.ndarray],
    losses: Mapping[str, np.ndarray],
    train: str,
    leaked: str,
    options: Any,
    stop: Stop,
) -> tuple[dict[str, int], dict[str, dict[str, np.ndarray]]]:
    """Variants of the paper's LightGBM: its trees and predictions by name.

    ``lightgbm_notebook`` stops early on the test set ``leaked``, as the published notebook does; ``lightgbm_stopped``
    on the last ``share`` of ``train``; ``lightgbm_divided`` has all trees and learns from ``divided``, the weights
    divided by their sums. Weights (N, K) and losses (N,) are by split.
    """
    rest, aside = parts(len(losses[train]), stop.share)[-1]
    part = {name: (weights[train][rows], losses[train][rows]) for name, rows in (("aside", aside), ("rest", rest))}
    whole = (weights[train], losses[train])
    fits = {
        "lightgbm_notebook": (weights, whole, (weights[leaked], losses[leaked])),
        "lightgbm_stopped": (weights, part["rest"], part["aside"]),
        "lightgbm_divided": (divided, (divided[train], losses[train]), None),
    }
    trees, predictions = {}, {}
    for name, (inputs, data, valid) in fits.items():
        count = options.trees
        if valid is not None:
            count = lightgbm.stopping_point(data, valid, options, stop.rounds, stop.seed)
        model = lightgbm.Booster(*data, options.model_copy(update={"trees": count}), stop.seed)
        predictions[name] = {split: model.predict(rows) for split, rows in inputs.items() if split != train}
        trees[name] = count
    return trees, predictions


def parts(count: int, share: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """The rows to keep and those to set aside, for each of the 1 / ``share`` consecutive parts of ``count`` runs.

    The published runs are in random order, so each part is a fair sample.
    """
    every = np.arange(count)
    return [(np.setdiff1d(every, aside), aside) for aside in np.array_split(every, round(1 / share))]


def stops_by_part(sets: Mapping[str, Runs], train: str, objective: str, options: Any, stop: Stop) -> pd.DataFrame:
    """part, trees, split, spearman: ``lightgbm_stopped`` with each part of ``train`` set aside in turn."""
    train_runs, rows = sets[train], []
    losses = train_runs.objective(Objective.loss(objective))
    for number, (rest, aside) in enumerate(parts(len(losses), stop.share)):
        learnt, valid = ((train_runs.mixtures[part], losses[part]) for part in (rest, aside))
        trees = lightgbm.stopping_point(learnt, valid, options, stop.rounds, stop.seed)
        model = lightgbm.Booster(*learnt, options.model_copy(update={"trees": trees}), stop.seed)
        for split, runs in sets.items():
            if split != train:
                value = float(metrics.spearman(runs.objective(Objective.loss(objective)), model.predict(runs.mixtures)))
                rows.append([number, trees, split, value])
    return pd.DataFrame(rows, columns=["part", "trees", "split", "spearman"])
