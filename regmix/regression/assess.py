"""Assess a regressor: out-of-fold and held-out predictions, the learning curve, contrasts of coefficients.

N runs, K domains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from scipy import stats

from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.regression.ensemble import by_part
from regmix.regression.interface import (
    Fit,
    Model,
    Prediction,
    Regressor,
    TokenLaw,
    TooFewRuns,
    grouped_folds,
    is_linear,
)
from regmix.regression.settings import Regression
from regmix.statistics import metrics
from regmix.statistics.intervals import Score, bootstrap, percentiles

BETTER = "better"  # the split of the held-out runs whose objective is below their median: near them a mixture is chosen
_NO_CONTRASTS = pd.DataFrame(columns=["domain", "contrast", "low", "high"])


@dataclass(frozen=True)
class Assessment:
    """A regressor on one objective: the tables that regression_fit writes, without the objective's name."""

    predictions: pd.DataFrame  # split, run, true, predicted, sd
    curve: pd.DataFrame  # proxies, subset, split, spearman
    coefficients: pd.DataFrame  # domain, contrast, low, high; no rows unless the model is linear
    metrics: dict[str, dict[str, Score]]  # split -> metric


def assess(
    regressor: Regressor,
    train: Runs,
    tests: Mapping[str, Runs],
    objective: Objective,
    settings: Regression,
    *,
    deviations: bool = True,
) -> Assessment:
    """Assess ``regressor`` on an objective, by cross-validation within ``train`` and on ``tests``, runs by split.

    Each of the objective's losses is fitted by itself; ``settings`` is params.yaml's ``regression``. Without tests the
    curve has no rows; without ``deviations``, ``sd`` is NaN, which saves some regressors many refits. A regressor that
    needs more runs than there are, or than cross-validation leaves, predicts NaN there. Raises InputError.
    """
    parts = train.parts(objective)
    fit, losses = by_part(regressor.fit, parts.objective), parts.losses
    model = _known(lambda: fit(train.mixtures, losses, settings.seed))
    predicted_cv = _known(
        lambda: out_of_fold(fit, train.mixtures, losses, settings.folds, settings.seed, deviations)
    ) or _unknown(len(losses))
    splits = {"cv": (train, parts.total, predicted_cv)}
    for split, runs in tests.items():
        splits[split] = (runs, runs.objective(objective), _predict(model, runs.mixtures, deviations))
    unseen = {split: (runs.mixtures, true) for split, (runs, true, _) in splits.items() if split != "cv"}
    return Assessment(
        predictions=pd.concat(
            [
                pd.DataFrame({"split": split, "run": runs.names, "true": true, "predicted": mean, "sd": sd})
                for split, (runs, true, (mean, sd)) in splits.items()
            ],
            ignore_index=True,
        ),
        curve=learning_curve(
            fit, (train.mixtures, losses), unseen, settings.curve.proxies, settings.curve.subsets, settings.seed
        ),
        coefficients=contrasts(fit, train, losses, settings) if is_linear(model) else _NO_CONTRASTS,
        metrics={split: score(true, predicted.mean, settings) for split, (_, true, predicted) in splits.items()},
    )


def out_of_fold(
    fit: Fit, mixtures: np.ndarray, losses: np.ndarray, folds: int, seed: int, deviations: bool = True
) -> Prediction:
    """Each run (N,) predicted by a model that saw no run of its mixture's fold; ``losses`` are as ``fit`` takes them.

    ``fit`` tunes only on the other folds. Raises TooFewRuns.
    """
    fold = grouped_folds(mixtures, folds, seed)
    mean, sd = np.empty(len(losses)), np.empty(len(losses))
    for left_out in range(folds):
        out = fold == left_out
        mean[out], sd[out] = _predict(fit(mixtures[~out], losses[~out], seed), mixtures[out], deviations)
    return Prediction(mean, sd)


T = TypeVar("T")


def _known(compute: Callable[[], T]) -> T | None:
    try:
        return compute()
    except TooFewRuns:
        return None


def _unknown(count: int) -> Prediction:
    return Prediction(*np.full((2, count), np.nan))


def _predict(model: Model | None, mixtures: np.ndarray, deviations: bool) -> Prediction:
    if model is None:
        return _unknown(len(mixtures))
    return model.predict(mixtures) if deviations else Prediction(model.mean(mixtures), np.full(len(mixtures), np.nan))


def learning_curve(
    fit: Fit,
    train: tuple[np.ndarray, np.ndarray],
    tests: Mapping[str, tuple[np.ndarray, np.ndarray]],
    sizes: Sequence[int],
    subsets: int,
    seed: int,
) -> pd.DataFrame:
    """Spearman on each of ``tests`` for models fitted to subsets of ``train`` (the paper's Figure 4).

    All are mixtures (N, K) and losses (N,), in ``train`` as ``fit`` takes them. Subset s of a size contains subset s
    of every smaller size, and is the same for every regressor; the subset of all N runs is fitted once. Sizes above N
    are left out; NaN where the regressor cannot be fitted.
    """
    rows = []
    whole: dict[str, float] | None = None
    for subset in range(subsets) if tests else ():
        order = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(subset,))).permutation(len(train[1]))
        for size in (size for size in sizes if size <= len(order)):
            if size < len(order):
                values = _unseen(fit, train, np.sort(order[:size]), tests, seed)
            else:
                values = whole = whole or _unseen(fit, train, np.arange(size), tests, seed)
            rows += [
                {"proxies": size, "subset": subset, "split": split, "spearman": value}
                for split, value in values.items()
            ]
    columns = ["proxies", "subset", "split", "spearman"]
    return pd.DataFrame(rows, columns=columns).sort_values(columns[:2], kind="stable")


def _unseen(
    fit: Fit,
    train: tuple[np.ndarray, np.ndarray],
    chosen: np.ndarray,
    tests: Mapping[str, tuple[np.ndarray, np.ndarray]],
    seed: int,
) -> dict[str, float]:
    try:
        model = fit(train[0][chosen], train[1][chosen], seed)
    except TooFewRuns:
        return dict.fromkeys(tests, np.nan)
    return {split: float(metrics.spearman(true, model.mean(mixtures))) for split, (mixtures, true) in tests.items()}


def contrasts(fit: Fit, runs: Runs, losses: np.ndarray, settings: Regression) -> pd.DataFrame:
    """A linear model's prediction for each domain alone minus that for the mean mixture, nats per token (Figure 7).

    Weights sum to 1, so a coefficient alone means nothing; the contrast does. Intervals are percentiles over
    refits to resamples of the runs. ``fit`` must return linear models.
    """
    center = runs.mixtures.mean(axis=0)

    def contrast(mixtures: np.ndarray, losses: np.ndarray) -> np.ndarray:
        model = fit(mixtures, losses, settings.seed)
        assert is_linear(model)
        return model.coefficients - center @ model.coefficients

    samples = bootstrap(
        contrast, runs.mixtures, losses, resamples=settings.bootstrap, seed=settings.seed, one_by_one=True
    )
    edges = np.array([percentiles(column, settings.interval) for column in samples.T])
    return pd.DataFrame(
        {"domain": runs.domains, "contrast": contrast(runs.mixtures, losses), "low": edges[:, 0], "high": edges[:, 1]}
    )


def token_laws(regressor: Regressor, runs: Runs, settings: Regression) -> pd.DataFrame:
    """loss, domain, worth, low, high, slope, floor, wear, decay: the parameters of a token law of each of the losses.

    ``worth`` is a domain's share of what a token of every domain is worth; ``slope`` is what more of its weight does to
    the loss at the uniform mixture, at the cost of all others alike, in nats per token and unit of weight. No rows if
    the regressor is no such law, or needs more runs.
    """
    z = float(stats.norm.ppf((1 + settings.interval) / 2))
    frames: list[pd.DataFrame] = []
    for loss in runs.losses.columns:
        values = runs.objective(Objective.loss(loss))
        model = _known(lambda values=values: regressor.fit(runs.mixtures, values, settings.seed))  # type: ignore[misc]
        if not isinstance(model, TokenLaw):
            break
        share, edge = model.worth / model.worth.sum(), np.exp(z * model.share_sd)
        table = {"loss": loss, "domain": runs.domains, "worth": share, "low": share / edge, "high": share * edge}
        excess = model.mean(np.full((1, len(share)), 1 / len(share)))[0] - model.floor
        table["slope"] = -model.decay * model.wear * excess * (len(share) * share - 1)
        frames.append(pd.DataFrame(table | {"floor": model.floor, "wear": model.wear, "decay": model.decay}))
    columns = ["loss", "domain", "worth", "low", "high", "slope", "floor", "wear", "decay"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def better_runs(splits: Mapping[str, Runs], objective: Objective) -> dict[str, Runs]:
    """The runs of BETTER; empty without held-out runs."""
    heldout = splits.get("heldout")
    return {} if heldout is None else {BETTER: heldout.at(_better(heldout.objective(objective)))}


def better_scores(predictions: pd.DataFrame, settings: Regression) -> dict[str, dict[str, Score]]:
    """The scores of BETTER from an Assessment's ``predictions``; empty without held-out runs."""
    heldout = predictions[predictions["split"] == "heldout"]
    if heldout.empty:
        return {}
    half = heldout[_better(heldout["true"].to_numpy())]
    return {BETTER: score(half["true"].to_numpy(), half["predicted"].to_numpy(), settings)}


def _better(true: np.ndarray) -> np.ndarray:
    return true < np.median(true)


def no_proxy(runs: Runs, objective: Objective) -> np.ndarray | None:
    """The baseline that trains no proxy: minus the mixture's weight (N,) on the objective's domains.

    None if that is the same for all mixtures: the objective names no trained domain, or weights all equally.
    """
    own = objective.own(runs.domains)
    return None if np.all(own == own[0]) else -(runs.mixtures @ own)


def no_proxy_scores(splits: dict[str, Runs], objective: Objective, settings: Regression) -> dict[str, dict[str, Score]]:
    """Scores of ``no_proxy`` by split. It predicts only an order, so no errors in nats; empty if it predicts none."""
    metrics = {}
    for split, runs in splits.items():
        predicted = no_proxy(runs, objective)
        if predicted is not None:
            all_metrics = score(runs.objective(objective), predicted, settings)
            metrics[split] = {name: all_metrics[name] for name in ("spearman", "regret", "top_k")}
    return metrics


def score(true: np.ndarray, predicted: np.ndarray, settings: Regression) -> dict[str, Score]:
    """``metrics.score`` with the settings of params.yaml's ``regression`` section."""
    return metrics.score(
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
    scores = {}
    for split in splits:
        if split not in metrics:
            raise InputError(f"metrics.json: no split {split!r}; run `dvc repro -f regression_fit` again")
        scores[split] = {
            name: Score(*(np.nan if part is None else part for part in interval.values()))
            for name, interval in metrics[split].items()
        }
    return scores
