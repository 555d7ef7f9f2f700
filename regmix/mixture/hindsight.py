"""What the regressors that choose would have said: of held-out mixtures, and before each round of proxies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.mixture.confirmation.calibrate import rounds
from regmix.mixture.optima import Evidence, optima
from regmix.mixture.simulate import rivals
from regmix.mixture.stopping import expected_gain
from regmix.regression import assess
from regmix.regression.ensemble import Ensemble
from regmix.regression.ranking import ENSEMBLE
from regmix.regression.settings import Regression

FIRST = "first design"  # in place of a round


def heldout_scores(
    models: Mapping[str, Ensemble], heldout: Runs, objectives: Mapping[str, Objective], settings: Regression
) -> pd.DataFrame:
    """Rows as those of regression_compare's scores.csv, for the ensembles of several regressors on ``heldout`` runs."""
    rows: list[list[Any]] = []
    for name, model in models.items():
        if len(model.members) == 1 or not len(heldout.names):
            continue
        splits = {"heldout": heldout} | assess.better_runs({"heldout": heldout}, objectives[name])
        for split, part in splits.items():
            scores = assess.score(part.objective(objectives[name]), model.mean(part.mixtures), settings)
            rows += [[ENSEMBLE, name, split, metric, *score, len(part.names)] for metric, score in scores.items()]
    return pd.DataFrame(rows, columns=["regressor", "objective", "split", "metric", "value", "low", "high", "n"])


def before_rounds(learnt: Runs, proposals: pd.DataFrame, fitted: Callable[[Runs], Evidence]) -> pd.DataFrame:
    """objective, after, proxies, next, expected_gain: what each round could gain at most, by the runs before it.

    ``proposals`` are those of all rounds, in order; ``learnt`` are all runs that regressors learn from, and ``fitted``
    is the evidence of some of them. ``next`` is the number of the round's proposals. No rows without rounds.
    """
    names = rounds(proposals)
    order = list(dict.fromkeys(names))
    rows: list[list[Any]] = []
    for place, (after, following) in enumerate(zip([FIRST, *order], order, strict=False)):
        later = proposals.loc[names.isin(order[place:]), "run"]
        evidence = fitted(learnt.at(~np.isin(learnt.names, later)))
        count, size = len(evidence.mixtures), int((names == following).sum())
        for name, best in zip(evidence.losses, optima(evidence, evidence.whole())[1], strict=True):
            gain = expected_gain(best.model, best.weights, rivals(evidence, best.weights), 0)
            rows.append([name, after, count, size, gain])
    return pd.DataFrame(rows, columns=["objective", "after", "proxies", "next", "expected_gain"])
