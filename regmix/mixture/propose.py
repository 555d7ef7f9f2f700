"""The mixtures of a further round of proxies, by the round's acquisition rule.

docs/acquisitions.md compares the rules. N runs, K domains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from regmix.core.runs import LossParts
from regmix.core.tables import read_csv
from regmix.mixture.acquisition import bootstrap, expected_improvement
from regmix.mixture.search import Search
from regmix.regression.ensemble import together
from regmix.regression.interface import Regressor
from regmix.sampling.rules import Rules
from regmix.sampling.settings import Acquisition

POINTS = {"bootstrap": bootstrap.points, "expected_improvement": expected_improvement.points}


def propose(
    mixtures: np.ndarray,
    losses: Mapping[str, LossParts],
    regressors: Sequence[Regressor],
    rules: Rules,
    search: Search,
    count: int,
    acquisition: Acquisition,
    workers: int = 1,
) -> pd.DataFrame:
    """``count`` rows of objective, predicted, sd, <domains>, from runs (N, K) and their losses by objective, in turn.

    The acquisition chooses them; ``predicted`` is by a fit to all runs. Other arguments and errors are those of
    ``simulate``; expected improvement raises NoPosterior too.
    """
    aims, points, weights = POINTS[acquisition](mixtures, losses, regressors, rules, search, count, workers)
    table = pd.DataFrame({"objective": aims, "predicted": np.nan, "sd": np.nan})
    for name in dict.fromkeys(aims):
        own = table["objective"] == name
        with threadpool_limits(limits=1):
            model = together(regressors, weights, mixtures, losses[name], search.seed)
            table.loc[own, ["predicted", "sd"]] = np.column_stack(model.predict(points[own]))
    return pd.concat([table, pd.DataFrame(points, columns=list(rules.domains))], axis=1)


def earlier(swarm: Path) -> pd.DataFrame:
    """The proposals of all rounds that the runs in ``swarm`` had: run, and the columns of ``propose``; else no rows."""
    file = swarm / "proposals.csv"
    return read_csv(file) if file.exists() else pd.DataFrame(columns=["run", "objective", "predicted", "sd"])
