"""The mixtures of a further round of proxies: where the recommendation would go if the runs had been others.

A refit to part of the runs has an optimum of its own, and the spread of these is what the recommendation does not yet
know; so they are what to train next. On our swarm one round of 19 after 29 first runs recommends what 77 runs in one
shot do not find.

N runs, K domains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from regmix.core.runs import LossParts
from regmix.core.tables import read_csv
from regmix.mixture.optima import Refit, optima
from regmix.mixture.refits import resamples
from regmix.mixture.search import Search
from regmix.regression.ensemble import together
from regmix.regression.interface import Regressor
from regmix.sampling.rules import Rules

STREAM = 1000  # the first stream of random candidates; those of ``simulate`` have lower numbers
TRIES = 3  # refits for each proposal, at most
APART = 0.1  # L1 distance of a proposal to every run and every other proposal


def propose(
    mixtures: np.ndarray,
    losses: Mapping[str, LossParts],
    regressors: Sequence[Regressor],
    rules: Rules,
    search: Search,
    count: int,
    workers: int = 1,
) -> pd.DataFrame:
    """``count`` rows of objective, predicted, sd, <domains>, from runs (N, K) and their losses by objective, in turn.

    Each is the optimum of a refit to a bootstrap resample, ``predicted`` by a fit to all runs. Those too near to a run
    or to each other are left out while there are others. Arguments and errors are those of ``simulate``.
    """
    names = list(losses)
    refits = [
        Refit(names[i % len(names)], rows, STREAM + i)
        for i, rows in enumerate(resamples(len(mixtures), TRIES * count, search.seed + 1))
    ]
    weights, found = optima(mixtures, losses, regressors, rules, search, refits, workers)
    points = np.stack([one.weights for one in found])
    chosen = spread_out(points, mixtures, count)
    table = pd.DataFrame(points[chosen], columns=list(rules.domains))
    aims = np.array([refits[i].objective for i in chosen])
    predicted = pd.DataFrame({"objective": aims, "predicted": np.nan, "sd": np.nan})
    for name, parts in losses.items():
        with threadpool_limits(limits=1):
            model = together(regressors, weights, mixtures, parts, search.seed)
            predicted.loc[aims == name, ["predicted", "sd"]] = np.column_stack(
                model.predict(points[chosen][aims == name])
            )
    return pd.concat([predicted, table], axis=1)


def earlier(swarm: Path) -> pd.DataFrame:
    """The proposals of all rounds that the runs in ``swarm`` had: run, and the columns of ``propose``; else no rows."""
    file = swarm / "proposals.csv"
    return read_csv(file) if file.exists() else pd.DataFrame(columns=["run", "objective", "predicted", "sd"])


def spread_out(points: np.ndarray, known: np.ndarray, count: int) -> list[int]:
    """``count`` rows of ``points`` (n, K) in order, leaving out those within ``APART`` of one chosen or ``known``;
    where too few remain, those farthest from all of them.
    """
    distance = np.abs(points[:, None] - known).sum(axis=2).min(axis=1)
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
