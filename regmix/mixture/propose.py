"""The mixtures of a further round of proxies, by the round's acquisition rule.

docs/acquisitions.md compares the rules. N runs, K domains.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from regmix.core.tables import read_csv
from regmix.mixture.acquisition import bootstrap, expected_improvement
from regmix.mixture.optima import Evidence
from regmix.regression.ensemble import together
from regmix.sampling.settings import Acquisition

POINTS = {"bootstrap": bootstrap.points, "expected_improvement": expected_improvement.points}


def propose(evidence: Evidence, count: int, acquisition: Acquisition) -> pd.DataFrame:
    """``count`` rows of objective, predicted, sd, <domains>, for the objectives of the evidence in turn.

    The acquisition chooses them; ``predicted`` is by a fit to all runs. Raises InputError, and NoPosterior for expected
    improvement by a regressor without a posterior.
    """
    aims, points, weights = POINTS[acquisition](evidence, count)
    table = pd.DataFrame({"objective": aims, "predicted": np.nan, "sd": np.nan})
    for name in dict.fromkeys(aims):
        own = table["objective"] == name
        with threadpool_limits(limits=1):
            model = together(
                evidence.regressors, weights, evidence.mixtures, evidence.losses[name], evidence.search.seed
            )
            table.loc[own, ["predicted", "sd"]] = np.column_stack(model.predict(points[own]))
    return pd.concat([table, pd.DataFrame(points, columns=list(evidence.rules.domains))], axis=1)


def earlier(swarm: Path) -> pd.DataFrame:
    """The proposals of all rounds that the runs in ``swarm`` had: run, and the columns of ``propose``; else no rows."""
    file = swarm / "proposals.csv"
    return read_csv(file) if file.exists() else pd.DataFrame(columns=["run", "objective", "predicted", "sd"])
