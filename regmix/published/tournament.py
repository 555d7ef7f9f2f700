"""Regressors against each other on the published runs, with the baseline that trains no proxy and an ensemble.

All are scored on every domain's loss. On the objective's loss also: early stopping, test mixtures with
hardly any of its domain, and fits to training runs with hardly any of it (RegMix's Tables 2 and 6).

N runs; a split is a set of runs that a regressor is judged on.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.published import early_stopping, low_weight
from regmix.published.settings import Published
from regmix.regression import assess, ensemble, interface
from regmix.regression.settings import Regression
from regmix.statistics import intervals, metrics
from regmix.statistics.intervals import Score

CV = "cv"  # the split of the training runs, each predicted by a fit that did not see it
NO_PROXY, ENSEMBLE = "no_proxy", "ensemble"
ORDERS = (NO_PROXY,)  # predicts an order but no losses
STARVED = "_starved"  # suffix of a split's part with little of the objective's domain
Predictions = dict[str, dict[str, np.ndarray]]  # regressor -> split -> predictions (N,)


@dataclass(frozen=True)
class Tournament:
    scores: pd.DataFrame  # as from judged
    margins: pd.DataFrame  # as from margins
    restricted: pd.DataFrame  # as from low_weight.ranked
    trees: dict[str, int]  # number of trees at each early stop
    stops: pd.DataFrame  # as from early_stopping.stops_by_part


def play(
    train: str,
    near: str,
    printed: Mapping[str, Runs],
    divided: Mapping[str, Runs],
    predictions: Mapping[str, pd.DataFrame],
    fitted: Mapping[str, Mapping[str, Any]],
    settings: Published,
) -> Tournament:
    """``printed`` and ``divided`` hold the sets by name, with weights as printed and divided by their sums:
    ``train`` and the tests; among the tests, ``near`` has models as small as the training runs.

    ``predictions`` (objective, split, run, predicted) and ``fitted`` (metrics by objective and split) come from
    published_fit, by regressor. Raises InputError if one of them lacks a split.
    """
    tests = {name: runs for name, runs in printed.items() if name != train}
    sets = {CV: printed[train], **tests}
    scores, pairs = [], []
    for objective in sets[CV].losses:
        playing = entrants(_by_split(predictions, objective), settings.ensemble, sets, objective)
        for name, by_objective in fitted.items():
            parsed = assess.parsed(by_objective[objective], sets)
            scores.append(listed(name, objective, parsed, sets))
        orders = {name: playing[name] for name in playing if name not in predictions}
        scores.append(judged(sets, orders, objective, settings.regression))
        if objective != settings.objective:
            against = settings.paper_regressor
            pairs.append(margins(tests, playing, objective, against, settings.regression))
            continue
        pairs.append(margins(sets, playing, objective, None, settings.regression))
        part = starved(sets, playing, objective, settings.starved)
        scores.append(judged(*part, objective, settings.regression))
        pairs.append(margins(*part, objective, None, settings.regression))
    options = interface.options(settings.paper_regressor, settings.regressors[settings.paper_regressor])
    weights, exact = ({name: runs.mixtures for name, runs in part.items()} for part in (printed, divided))
    losses = {name: runs.objective(Objective.loss(settings.objective)) for name, runs in printed.items()}
    trees, stopped = early_stopping.stops(weights, exact, losses, train, near, options, settings.stop)
    scores.append(judged(sets, stopped, settings.objective, settings.regression))
    return Tournament(
        pd.concat(scores, ignore_index=True),
        pd.concat(pairs, ignore_index=True),
        low_weight.ranked(
            [interface.bind(name, entry) for name, entry in settings.regressors.items()],
            sets[CV], sets[near], settings.objective, settings.starved, settings.regression,
        ),
        trees,
        early_stopping.stops_by_part(printed, train, settings.objective, options, settings.stop),
    )  # fmt: skip


def _by_split(frames: Mapping[str, pd.DataFrame], objective: str) -> Predictions:
    return {
        name: {
            str(split): part["predicted"].to_numpy()
            for split, part in frame[frame["objective"] == objective].groupby("split", sort=False)
        }
        for name, frame in frames.items()
    }


def entrants(predictions: Mapping[str, Mapping[str, np.ndarray]], members: Sequence[str], sets: Mapping[str, Runs],
             objective: str) -> Predictions:  # fmt: skip
    """The regressors' predictions, plus ENSEMBLE, its members weighed by their predictions of CV, and NO_PROXY."""
    true = sets[CV].objective(Objective.loss(objective))
    weights = ensemble.weigh(np.stack([predictions[name][CV] for name in members]), true)
    together = {split: weights @ np.stack([predictions[name][split] for name in members]) for split in sets}
    baseline = {split: assess.no_proxy(runs, Objective.loss(objective)) for split, runs in sets.items()}
    entries = {name: dict(by_split) for name, by_split in predictions.items()} | {ENSEMBLE: together}
    return entries | {NO_PROXY: {split: rows for split, rows in baseline.items() if rows is not None}}


def starved(
    sets: Mapping[str, Runs], predictions: Predictions, domain: str, share: float
) -> tuple[dict[str, Runs], Predictions]:
    """The part of every split whose weight on ``domain`` is below ``share``, and the predictions there.

    Where every mixture has plenty of the domain, its weight alone can give the ranking; here it cannot.
    """
    rows = {split: runs.mixtures[:, runs.domains.index(domain)] < share for split, runs in sets.items()}
    masks = {split: mask for split, mask in rows.items() if mask.sum() > 2}
    return (
        {f"{split}{STARVED}": sets[split].at(mask) for split, mask in masks.items()},
        {
            name: {f"{split}{STARVED}": by_split[split][mask] for split, mask in masks.items()}
            for name, by_split in predictions.items()
        },
    )


def judged(sets: Mapping[str, Runs], predictions: Predictions, objective: str, settings: Regression) -> pd.DataFrame:
    """regressor, objective, split, metric, value, low, high, n; errors in nats only where losses are predicted."""
    return pd.concat(
        [
            listed(
                name,
                objective,
                {
                    split: assess.score(sets[split].objective(Objective.loss(objective)), predicted, settings)
                    for split, predicted in by_split.items()
                },
                sets,
            )
            for name, by_split in predictions.items()
        ]
    )


def listed(
    name: str, objective: str, scores: Mapping[str, Mapping[str, Score]], sets: Mapping[str, Runs]
) -> pd.DataFrame:
    """A regressor's scores by split and metric as rows of ``judged``."""
    rows = [
        [name, objective, split, metric, *figure, len(sets[split].names)]
        for split, part in scores.items()
        for metric, figure in part.items()
        if name not in ORDERS or metric not in ("mae", "rmse", "mse")
    ]
    return pd.DataFrame(rows, columns=["regressor", "objective", "split", "metric", "value", "low", "high", "n"])


def margins(
    sets: Mapping[str, Runs], predictions: Predictions, objective: str, baseline: str | None, settings: Regression
) -> pd.DataFrame:
    """objective, split, first, second, value, low, high: Spearman of the first minus that of the second.

    Both are taken on the same resamples. All pairs, or all against ``baseline``.
    """
    rivals = [(name, baseline) for name in predictions if name != baseline]
    pairs = list(itertools.combinations(predictions, 2)) if baseline is None else rivals
    rows = []
    for split, runs in sets.items():
        true = runs.objective(Objective.loss(objective))
        spread = {
            name: intervals.bootstrap(
                metrics.spearman, true, by_split[split], resamples=settings.bootstrap, seed=settings.seed
            )
            for name, by_split in predictions.items()
            if split in by_split
        }
        value = {name: float(metrics.spearman(true, predictions[name][split])) for name in spread}
        for first, second in pairs:
            if first in spread and second in spread:
                low, high = intervals.percentiles(spread[first] - spread[second], settings.interval)
                rows.append([objective, split, first, second, value[first] - value[second], low, high])
    return pd.DataFrame(rows, columns=["objective", "split", "first", "second", "value", "low", "high"])
