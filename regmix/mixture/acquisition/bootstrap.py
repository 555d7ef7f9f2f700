"""Where the recommendation would go if the runs had been different: the optima of refits to bootstrap resamples.

Each refit to part of the runs has its own optimum. Their spread shows what the runs do not yet determine, so these
optima are what to train next. On our swarm, one round of 19 after 29 first runs finds a mixture that 77 runs in one
shot do not find.

N runs, K domains.
"""

from __future__ import annotations

import numpy as np

from regmix.mixture.optima import Evidence, Refit, optima
from regmix.mixture.refits import resamples

STREAM = 1000  # the first stream of random candidates; those of ``simulate`` have lower numbers
TRIES = 3  # refits for each proposal, at most
APART = 0.1  # L1 distance of a proposal to every run and every other proposal


def points(evidence: Evidence, count: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The objectives, the proposals (count, K) and the regressors' weights (E,). Points too near to a run or to each
    other are left out while there are others.
    """
    names = list(evidence.losses)
    refits = [
        Refit(names[i % len(names)], rows, STREAM + i)
        for i, rows in enumerate(resamples(len(evidence.mixtures), TRIES * count, evidence.search.seed + 1))
    ]
    weights, optimal = optima(evidence, refits)
    rows = np.stack([best.weights for best in optimal])
    chosen = spread_out(rows, evidence.mixtures, count)
    return [refits[i].objective for i in chosen], rows[chosen], weights


def spread_out(points: np.ndarray, runs: np.ndarray, count: int) -> list[int]:
    """``count`` rows of ``points`` (n, K) in order, leaving out those within ``APART`` of a chosen one or of ``runs``;
    where too few remain, those farthest from all of them.
    """
    distance = np.abs(points[:, None] - runs).sum(axis=2).min(axis=1)
    chosen: list[int] = []

    def take(i: int) -> None:
        chosen.append(i)
        np.minimum(distance, np.abs(points - points[i]).sum(axis=1), out=distance)

    for i in range(len(points)):
        if len(chosen) < count and distance[i] >= APART:
            take(i)
    while len(chosen) < count:
        take(int(np.argmax(np.where(np.isin(np.arange(len(points)), chosen), -1, distance))))
    return sorted(chosen)
