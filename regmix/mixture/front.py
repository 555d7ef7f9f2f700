"""The front of two objectives: what a mixture must give up of one to gain in the other.

Each point is the optimum of a weighted mean of the two, as predicted by the ensembles that chose the mixture of each.
Both are scaled by what they lose at the other's mixture, so that the weights move evenly along the front.

K domains, M mixtures.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

from regmix.mixture.optima import Evidence
from regmix.mixture.search import optimum
from regmix.mixture.simulate import Result
from regmix.regression.ensemble import Ensemble

STREAM = 2000  # the first stream of random candidates; those of ``simulate`` and ``propose`` have lower numbers
FLAT = 1e-6  # nats; one mixture can be the best for both


@dataclass(frozen=True)
class Blend:
    """The weighted mean of two objectives' scores."""

    models: tuple[Ensemble, Ensemble]
    weights: tuple[float, float]

    def score(self, mixtures: np.ndarray, risk: float) -> np.ndarray:
        """The scores (M,)."""
        first, second = (model.score(mixtures, risk) for model in self.models)
        return np.asarray(self.weights[0] * first + self.weights[1] * second)


def fronts(
    pairs: Sequence[Sequence[str]], result: Result, evidence: Evidence, points: int, level: float
) -> pd.DataFrame:
    """The front of each pair of objectives, from the first one's mixture in ``result`` to the second's.

    Up to ``points`` rows per pair, none of which another row beats in both: first and second, the objectives; share,
    the second's part; first_loss and second_loss, predicted, with _low and _high, an interval of coverage ``level`` for
    a run there; and <domains>.
    """
    with threadpool_limits(limits=1), ThreadPoolExecutor(evidence.workers) as pool:
        parts = [_front(pair, result, evidence, points, level, pool) for pair in pairs]
    columns = ["first", "second", *evidence.rules.domains]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _front(
    pair: Sequence[str], result: Result, evidence: Evidence, points: int, level: float, pool: ThreadPoolExecutor
) -> pd.DataFrame:
    rules, search = evidence.rules, evidence.search
    first, second = (result.models[name] for name in pair)
    ends = np.stack([result.simulations[name].weights for name in pair])
    lost = [max(abs(float(np.subtract(*model.mean(ends)))), FLAT) for model in (first, second)]
    begin = np.concatenate([evidence.starts(pair[0]), evidence.starts(pair[1]), ends])
    shares = np.linspace(0, 1, points)

    def find(point: int) -> np.ndarray:
        blend = Blend((first, second), ((1 - shares[point]) / lost[0], shares[point] / lost[1]))
        return optimum(blend, rules, search, STREAM + point, begin)

    weights = np.stack([ends[0], *pool.map(find, range(1, points - 1)), ends[1]])
    table = pd.DataFrame({"first": pair[0], "second": pair[1], "share": shares})
    half = float(stats.norm.ppf((1 + level) / 2))
    for name, model in (("first_loss", first), ("second_loss", second)):
        mean, sd = model.predict(weights)
        table[name], table[f"{name}_low"], table[f"{name}_high"] = mean, mean - half * sd, mean + half * sd
    table[list(rules.domains)] = weights
    return table[_undominated(table[["first_loss", "second_loss"]].to_numpy())]


def _undominated(values: np.ndarray) -> np.ndarray:
    """Which rows (n,) of ``values`` (n, 2) no other row beats in both."""
    better = np.all(values[None] < values[:, None], axis=2)
    return ~np.any(better, axis=1)
