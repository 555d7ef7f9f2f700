"""Judging a regressor: out-of-fold and held-out predictions, the learning curve, contrasts of coefficients.

N runs, K domains.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from regmix import scores
from regmix.errors import InputError
from regmix.objectives import Runs
from regmix.params import Regression
from regmix.regressors._interface import Fit, Linear, Prediction, Regressor, TooFewRuns, grouped_folds
from regmix.scores import Score


@dataclass(frozen=True)
class Assessment:
    """A regressor on one objective: frames as regression_fit writes them, without the objective's name."""

    predictions: pd.DataFrame  # split, run, true, predicted, sd
    curve: pd.DataFrame  # proxies, subset, spearman
    coefficients: pd.DataFrame  # domain, contrast, low, high; no rows unless the model is linear
    metrics: dict[str, dict[str, Score]]  # split -> metric


def assess(
    regressor: Regressor, train: Runs, test: Runs, weights: dict[str, float], settings: Regression
) -> Assessment:
    """Judge ``regressor`` on an objective, by cross-validation within ``train`` and on ``test``.

    ``weights`` are the objective's, over domains; ``settings`` is params.yaml's ``regression``. An empty
    ``test`` gives neither a held-out split nor a curve. Raises InputError.
    """
    losses = train.objective(weights)
    splits = {"cv": (train, losses, out_of_fold(regressor.fit, train.mixtures, losses, settings.folds, settings.seed))}
    model = regressor.fit(train.mixtures, losses, settings.seed)
    curve = pd.DataFrame(columns=["proxies", "subset", "spearman"])
    if len(test.names):
        true = test.objective(weights)
        splits["heldout"] = (test, true, model.predict(test.mixtures))
        sizes, subsets = settings.curve.proxies, settings.curve.subsets
        curve = learning_curve(
            regressor.fit, (train.mixtures, losses), (test.mixtures, true), sizes, subsets, settings.seed
        )
    return Assessment(
        predictions=pd.concat(
            [
                pd.DataFrame({"split": split, "run": runs.names, "true": true, "predicted": mean, "sd": sd})
                for split, (runs, true, (mean, sd)) in splits.items()
            ],
            ignore_index=True,
        ),
        curve=curve,
        coefficients=contrasts(regressor.fit, train, losses, settings),
        metrics={split: score(true, predicted.mean, settings) for split, (_, true, predicted) in splits.items()},
    )


def out_of_fold(fit: Fit, mixtures: np.ndarray, losses: np.ndarray, folds: int, seed: int) -> Prediction:
    """Each run (N,) predicted by a model that saw no run of its mixture's fold.

    Whatever ``fit`` tunes, it tunes on the other folds alone. Raises TooFewRuns.
    """
    fold = grouped_folds(mixtures, folds, seed)
    mean, sd = np.empty(len(losses)), np.empty(len(losses))
    for left_out in range(folds):
        out = fold == left_out
        mean[out], sd[out] = fit(mixtures[~out], losses[~out], seed).predict(mixtures[out])
    return Prediction(mean, sd)


def learning_curve(
    fit: Fit,
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    sizes: Sequence[int],
    subsets: int,
    seed: int,
) -> pd.DataFrame:
    """Spearman on ``test`` of models fitted to subsets of ``train`` (the paper's Figure 4).

    Both are mixtures (N, K) and losses (N,). Subset s of a size holds subset s of every smaller one, and is the
    same for every regressor. Sizes above N are left out; where the regressor cannot be fitted, NaN.
    """
    rows = []
    for subset in range(subsets):
        order = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(subset,))).permutation(len(train[1]))
        for size in (size for size in sizes if size <= len(order)):
            chosen = np.sort(order[:size])
            try:
                predicted = fit(train[0][chosen], train[1][chosen], seed).mean(test[0])
                value = float(scores.spearman(test[1], predicted))
            except TooFewRuns:
                value = np.nan
            rows.append({"proxies": size, "subset": subset, "spearman": value})
    return pd.DataFrame(rows, columns=["proxies", "subset", "spearman"]).sort_values(["proxies", "subset"])


def contrasts(fit: Fit, runs: Runs, losses: np.ndarray, settings: Regression) -> pd.DataFrame:
    """What a linear model says of each domain alone against the mean mixture, in nats a token (Figure 7).

    Weights sum to 1, so a coefficient alone means nothing; the contrast does. Intervals are percentiles over
    refits to resamples of the runs. No rows if the model is not linear.
    """
    center = runs.mixtures.mean(axis=0)

    def contrast(rows: np.ndarray) -> np.ndarray | None:
        model = fit(runs.mixtures[rows], losses[rows], settings.seed)
        return model.coefficients - center @ model.coefficients if isinstance(model, Linear) else None

    value = contrast(np.arange(len(losses)))
    if value is None:
        return pd.DataFrame(columns=["domain", "contrast", "low", "high"])
    rng = np.random.default_rng(settings.seed)
    resamples = [contrast(rng.integers(len(losses), size=len(losses))) for _ in range(settings.bootstrap)]
    edges = [(1 - settings.interval) / 2, (1 + settings.interval) / 2]
    low, high = np.quantile(np.stack([sample for sample in resamples if sample is not None]), edges, axis=0)
    return pd.DataFrame({"domain": runs.domains, "contrast": value, "low": low, "high": high})


def no_proxy(runs: Runs, weights: dict[str, float]) -> np.ndarray | None:
    """The baseline that trains no proxy: minus the mixture's weight (N,) on the objective's own domains.

    None where that is the same for all mixtures: the objective names no trained domain, or all alike.
    """
    own = np.array([weights.get(domain, 0.0) for domain in runs.domains])
    return None if np.all(own == own[0]) else -(runs.mixtures @ own)


def no_proxy_scores(
    splits: dict[str, Runs], weights: dict[str, float], settings: Regression
) -> dict[str, dict[str, Score]]:
    """Scores of ``no_proxy`` by split; it predicts an order, so no errors in nats. Empty where it predicts none."""
    metrics = {}
    for split, runs in splits.items():
        predicted = no_proxy(runs, weights)
        if predicted is not None:
            all_metrics = score(runs.objective(weights), predicted, settings)
            metrics[split] = {name: all_metrics[name] for name in ("spearman", "regret", "top_k")}
    return metrics


def score(true: np.ndarray, predicted: np.ndarray, settings: Regression) -> dict[str, Score]:
    """``scores.score`` as params.yaml's ``regression`` section has it."""
    return scores.score(
        true,
        predicted,
        k=settings.top_k,
        resamples=settings.bootstrap,
        level=settings.interval,
        seed=settings.seed,
    )


def parsed(metrics: dict[str, Any], splits: Iterable[str]) -> dict[str, dict[str, Score]]:
    """An objective's part of a regressor's metrics.json as scores by split; null becomes NaN.

    Raises InputError if a split is missing.
    """
    found = {}
    for split in splits:
        if split not in metrics:
            raise InputError(f"metrics.json: no split {split!r}; run `dvc repro -f regression_fit` again")
        found[split] = {
            name: Score(*(np.nan if part is None else part for part in figure.values()))
            for name, figure in metrics[split].items()
        }
    return found


def flat(metrics: dict[str, Score]) -> dict[str, Any]:
    """Metrics for a metrics file: few numbers, the interval of Spearman's alone."""
    interval = metrics["spearman"].to_json()
    values = {name: score.to_json()["value"] for name, score in metrics.items()}
    return {
        "spearman": values.pop("spearman"),
        "spearman_low": interval["low"],
        "spearman_high": interval["high"],
        **values,
    }
