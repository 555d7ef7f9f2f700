"""How certain a chosen mixture is: its spread, its predicted gain over the prior, its distance from the runs.

- Its spread is that of the mixtures chosen by refits to part of the runs, times the factor in refits.py.
- The standard deviation of its gain is the larger of two, which overlap and are therefore not added: what the
  regressors claim (their own deviations at both mixtures, seed noise included, and their disagreement on the
  gain), and the spread of the same mixture's gain over refits.
- Its regret is what it loses to the mixtures of refits, by their own predictions; its expected gain is what another
  round of proxies could gain at most, by the posterior (stopping.py).
- Its distance from the runs matters because a prediction far from all of them is an extrapolation.

The gain is still the best of many predictions: train proxies at the mixture before believing it.

N runs, K domains, M mixtures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from regmix.mixture.optima import Optimum
from regmix.mixture.stopping import expected_gain
from regmix.regression.interface import Prediction
from regmix.sampling.rules import Rules
from regmix.statistics import verdicts
from regmix.statistics.intervals import Score


@dataclass(frozen=True)
class Simulation:
    """The mixture chosen for one objective and what is known about it."""

    weights: np.ndarray  # (K,)
    spread: np.ndarray  # (K,), standard deviation over refits
    predicted: Prediction  # loss at the chosen mixture, then at the prior: two values each
    gain: Score  # of the chosen mixture over the prior, nats per token
    regret: float  # nats per token that the chosen mixture loses, on average over refits, to their own
    expected_gain: float  # nats per token, of knowing the truth; NaN without a posterior
    distance: float  # L1 to the nearest run
    typical_distance: float  # median over the runs of the L1 distance to the nearest other mixture
    verdict: str
    refits: pd.DataFrame  # refit, gain of the chosen mixture, the refit's own mixture (K columns)

    def to_json(self, domains: Sequence[str]) -> dict[str, Any]:
        (chosen, prior), (chosen_sd, prior_sd) = (part.tolist() for part in self.predicted)
        return {
            "domains": list(domains),
            "weights": dict(zip(domains, self.weights.tolist(), strict=True)),
            "spread": dict(zip(domains, self.spread.tolist(), strict=True)),
            "predicted": {"mean": chosen, "sd": chosen_sd},
            "predicted_prior": {"mean": prior, "sd": prior_sd},
            "gain": self.gain.to_json(),
            "verdict": self.verdict,
            "regret": self.regret,
            "expected_gain": None if math.isnan(self.expected_gain) else self.expected_gain,
            "support": {"distance": self.distance, "typical": self.typical_distance},
        }


def judge(
    whole: Optimum, refits: Sequence[Optimum], stretch: float, mixtures: np.ndarray, candidates: np.ndarray,
    rules: Rules, level: float,
) -> Simulation:  # fmt: skip
    """What is known about the mixture chosen by the fit to all runs, at ``mixtures`` (N, K), from those of ``refits``.

    ``candidates`` (M, K) might be better. ``stretch`` multiplies standard deviations over refits, ``level`` is the
    coverage of the gain's interval.
    """
    weights, model, optima = whole.weights, whole.model, np.stack([refit.weights for refit in refits])
    pair, voice = np.stack([weights, rules.prior]), model.weights
    means, sds = model.parts(pair)
    gains = means[:, 1] - means[:, 0]
    gain = float(voice @ gains)
    claimed = math.sqrt(voice @ ((sds**2).sum(axis=1) + (gains - gain) ** 2))
    refit_gains = [float(np.subtract(*refit.model.mean(pair[::-1]))) for refit in refits]
    lost = [max(0.0, float(np.subtract(*refit.model.mean(np.stack([weights, refit.weights]))))) for refit in refits]
    half = float(stats.norm.ppf((1 + level) / 2)) * max(claimed, stretch * float(np.std(refit_gains, ddof=1)))
    interval = Score(gain, gain - half, gain + half)
    table = {"refit": range(len(optima)), "gain": refit_gains}
    return Simulation(
        weights=weights,
        spread=stretch * np.std(optima, axis=0, ddof=1),
        predicted=model.predict(pair),
        gain=interval,
        regret=float(np.mean(lost)),
        expected_gain=expected_gain(model, weights, candidates, 0),
        distance=float(np.abs(mixtures - weights).sum(axis=1).min()),
        typical_distance=float(np.median(nearest(mixtures, mixtures))),
        verdict=verdicts.over_prior(interval),
        refits=pd.DataFrame(table | {d: [optimum[k] for optimum in optima] for k, d in enumerate(rules.domains)}),
    )


def nearest(points: np.ndarray, mixtures: np.ndarray) -> np.ndarray:
    """L1 distance of each point (M, K) to the nearest mixture (N, K) that is not the point itself."""
    apart = np.abs(points[:, None] - mixtures).sum(axis=2)
    return np.where(apart > 1e-9, apart, np.inf).min(axis=1)
