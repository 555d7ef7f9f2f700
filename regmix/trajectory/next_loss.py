"""RegMix-D's regressor: predicts the next logged loss from the step, the current loss and the mixture in between.

There is one row per proxy and pair of adjacent logged steps, and one fit per granularity (Algorithm 1). Any regressor
of this project works unchanged, because the two extra columns are scaled like weights: the fraction of training, and
the loss, mapped from the training runs' range to [0, 1] and clipped. A Gaussian process takes roots or logarithms of
its columns, so they must be non-negative; trees saturate outside the range anyway. Outside it the loss carries no
further information, and ``Support`` reports that.

``drop`` learns the next loss minus the current loss, and adds the current loss, unclipped, to the prediction. The
paper learns the next ``loss`` itself.

Standard deviations come from the regressor. Those estimated by leaving rows out are too small here, because adjacent
rows of the same run stay in.

N runs, K domains, L logged steps, M mixtures to predict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_limits

from regmix.core.errors import InputError
from regmix.regression.interface import Model, Prediction, Regressor, TooFewRuns
from regmix.statistics import metrics
from regmix.trajectory import size_correction
from regmix.trajectory.trajectories import Trajectories

TYPICAL_SHARE = 0.95  # quantile of nearest-neighbour distances beyond which a query is outside
METRICS = ("mae", "rmse", "bias", "spearman")
Label = Literal["loss", "drop"]


class Support(NamedTuple):
    """How close a query is to the training data; distances are L1 between mixtures, losses in nats."""

    distance: float  # to the nearest mixture of a proxy in the interval
    typical: float  # median distance from a proxy's mixture to its nearest neighbour
    limit: float  # the distance above which a query is outside
    loss: float  # the query's
    low: float  # lowest of the proxies' losses at the logged step
    high: float  # highest of them
    nearest_loss: float  # loss of the proxy with the nearest mixture, at the logged step
    outside: bool  # the distance is above the limit, or the loss is not between low and high


@dataclass(frozen=True)
class StepModel:
    """A fitted regressor; ``learnt`` are the runs it was fitted to, ``low`` and ``high`` the range of their losses.

    Steps are given by their index in ``learnt.steps``: index l predicts the loss at index l + 1.
    """

    name: str
    monotone: bool
    label: Label
    learnt: Trajectories
    low: float
    high: float
    model: Model

    def mean(self, step: int, mixtures: np.ndarray, loss: float | np.ndarray) -> np.ndarray:
        """The next losses (M,) after training on ``mixtures`` (M, K) from one ``loss`` or losses (M,)."""
        with threadpool_limits(limits=1):  # bit-identical on any number of cores, and faster: the products are small
            return self.model.mean(self._features(step, mixtures, loss)) + self._base(loss)

    def predict(self, step: int, mixtures: np.ndarray, loss: float | np.ndarray) -> Prediction:
        """``mean`` and a standard deviation (M,) around it."""
        with threadpool_limits(limits=1):
            mean, sd = self.model.predict(self._features(step, mixtures, loss))
        return Prediction(mean + self._base(loss), sd)

    def rollout(self, mixtures: np.ndarray, start_loss: float) -> np.ndarray:
        """The losses (L,) of a run on ``mixtures`` (L-1, K), each predicted from the previous prediction."""
        return self.rollouts(mixtures[None], np.array([start_loss]))[0]

    def rollouts(self, mixtures: np.ndarray, start_losses: np.ndarray) -> np.ndarray:
        """``rollout`` of M runs at once: losses (M, L) for mixtures (M, L-1, K) and start losses (M,)."""
        losses = [start_losses]
        for step in range(mixtures.shape[1]):
            losses.append(self.mean(step, mixtures[:, step], losses[-1]))
        return np.stack(losses, axis=1)

    def support(self, step: int, mixture: np.ndarray, loss: float) -> Support:
        """How far a mixture (K,) and a loss at a step are from the proxies' mixtures and losses at that step."""
        proxy_mixtures, losses = self.learnt.mixtures[:, step], self.learnt.losses[:, step]
        distances = cdist(mixture[None], proxy_mixtures, "cityblock")[0]
        distinct = np.unique(proxy_mixtures, axis=0)
        between = cdist(distinct, distinct, "cityblock")
        np.fill_diagonal(between, np.inf)
        nearest = between.min(axis=1)
        limit = float(np.quantile(nearest, TYPICAL_SHARE))
        low, high, distance = float(losses.min()), float(losses.max()), float(distances.min())
        return Support(
            distance=distance,
            typical=float(np.median(nearest)),
            limit=limit,
            loss=float(loss),
            low=low,
            high=high,
            nearest_loss=float(losses[np.argmin(distances)]),
            outside=distance > limit or not low <= loss <= high,
        )

    def _features(self, step: int, mixtures: np.ndarray, loss: float | np.ndarray) -> np.ndarray:
        rows = len(mixtures)
        fraction = np.full(rows, self.learnt.fractions[step])
        return _scaled(np.column_stack([mixtures, fraction, np.broadcast_to(loss, rows)]), self.low, self.high)

    def _base(self, loss: float | np.ndarray) -> float | np.ndarray:
        return loss if self.label == "drop" else 0.0


def fit(trajectories: Trajectories, regressor: Regressor, label: Label, seed: int) -> StepModel:
    """One regressor for all intervals between the logged steps of ``trajectories``.

    Raises TooFewRuns if the regressor does, or if an interval has fewer than two distinct mixtures.
    """
    for step in range(len(trajectories.steps) - 1):
        if len(np.unique(trajectories.mixtures[:, step], axis=0)) < 2:
            raise TooFewRuns(
                f"step {trajectories.steps[step]}: {len(trajectories.names)} runs have fewer than 2 distinct mixtures "
                "after it; train more proxies"
            )
    features, following, _ = trajectories.rows()
    now = features[:, -1]
    low, high = float(now.min()), float(now.max())
    target = following - now if label == "drop" else following
    with threadpool_limits(limits=1):
        model = regressor.fit(_scaled(features, low, high), target, seed)
    return StepModel(regressor.name, regressor.monotone, label, trajectories, low, high, model)


def errors(model: StepModel, heldout: Trajectories, *, resamples: int, level: float, seed: int) -> pd.DataFrame:
    """predictor, kind, step, n, and for each of METRICS its value and interval: <metric>, <metric>_low, <metric>_high.

    ``kind`` is one_step, from the true loss at the previous logged step, or rolled_out, from the true loss at the
    first; ``step`` is the predicted step. ``predictor`` is the model or mean_drop: the starting loss plus the
    training runs' mean change since then. The intervals are over resamples of the held-out runs. Spearman is high
    where a run's current loss largely determines its next one, so compare it with mean_drop's. Raises InputError
    if the held-out runs have different domains or logged steps.
    """
    learnt = model.learnt
    if heldout.domains != learnt.domains or not np.array_equal(heldout.steps, learnt.steps):
        raise InputError(
            f"held-out trajectories: steps {heldout.steps.tolist()} or their domains differ from the "
            f"training runs' {learnt.steps.tolist()}; log both at the same steps"
        )
    true = heldout.losses
    means = learnt.losses.mean(axis=0)
    steps = range(len(learnt.steps) - 1)
    one_step = np.stack([model.mean(i, heldout.mixtures[:, i], true[:, i]) for i in steps], axis=1)
    predicted = {
        ("model", "one_step"): one_step,
        ("mean_drop", "one_step"): true[:, :-1] + np.diff(means),
        ("model", "rolled_out"): model.rollouts(heldout.mixtures, true[:, 0])[:, 1:],
        ("mean_drop", "rolled_out"): true[:, :1] + (means[1:] - means[0]),
    }
    rows = []
    for (predictor, kind), values in predicted.items():
        for i in steps:
            row = {"predictor": predictor, "kind": kind, "step": int(learnt.steps[i + 1]), "n": len(true)}
            rows.append(row | _scores(true[:, i + 1], values[:, i], resamples, level, seed))
    return pd.DataFrame(rows)


def _scores(true: np.ndarray, predicted: np.ndarray, resamples: int, level: float, seed: int) -> dict[str, float]:
    """METRICS of losses (N,) with their intervals, as columns."""
    scores = metrics.score(true, predicted, k=1, resamples=resamples, level=level, seed=seed)
    scores["bias"] = size_correction.mean(predicted - true, resamples=resamples, level=level, seed=seed)
    ends = ("", "_low", "_high")
    return {f"{name}{end}": value for name in METRICS for end, value in zip(ends, scores[name], strict=True)}


def _scaled(features: np.ndarray, low: float, high: float) -> np.ndarray:
    """``features`` (., K + 2) with the last column, the loss, scaled from [low, high] to [0, 1] and clipped."""
    loss = np.clip((features[:, -1] - low) / ((high - low) or 1.0), 0, 1)
    return np.column_stack([features[:, :-1], loss])
