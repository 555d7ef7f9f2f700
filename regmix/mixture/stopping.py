"""Whether another round of proxies is worth its compute: what it could gain, against what proxies can tell apart.

The gain to expect is the chosen mixture's loss minus the lowest, on average over joint draws of the ensemble's
posterior: what could be gained if the truth were known, so at most what a round gains. It is compared with the standard
error of a comparison of two mixtures by proxies with the same seeds. docs/acquisitions.md says what stopping costs.

K domains, M candidates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from regmix.regression.ensemble import Ensemble, NoPosterior

DRAWS = 128  # of the posterior


@dataclass(frozen=True)
class Outlook:
    """What another round could gain and what it costs. ``verdict`` is None where the gain or the noise is unknown."""

    expected_gain: float  # nats per token
    noise: float  # nats per token, standard error of a comparison
    flops: float  # of the round's training, the output layer included

    @property
    def verdict(self) -> Literal["continue", "stop"] | None:
        if math.isnan(self.expected_gain) or math.isnan(self.noise):
            return None
        return "continue" if self.expected_gain > self.noise else "stop"


def expected_gain(model: Ensemble, chosen: np.ndarray, candidates: np.ndarray, seed: int) -> float:
    """What ``model`` expects that the ``chosen`` mixture (K,) loses to the best of ``candidates`` (M, K) that keep the
    objective's limits, nats per token; NaN if it has no posterior.
    """
    allowed = candidates[(model.excess(candidates) <= 0).all(axis=1)]
    try:
        losses = model.draws(DRAWS, seed)(np.vstack([chosen, allowed]))
    except NoPosterior:
        return math.nan
    return float((losses[0] - losses.min(axis=0)).mean())


def outlook(simulation: Mapping[str, Any], sd: float, seeds: int, runs: int, meta: Mapping[str, Any]) -> Outlook:
    """After a simulation (its JSON), for another round of ``runs`` proxies, described by their meta.json.

    ``sd``, in nats, is the spread of proxies at one mixture without what those of a seed have in common; ``seeds``
    proxies at each of two mixtures make a comparison.
    """
    gain = simulation["expected_gain"]
    flops = runs * meta["train_tokens"] * meta["flops_a_token"]["full"]
    return Outlook(math.nan if gain is None else gain, sd * math.sqrt(2 / seeds), flops)
