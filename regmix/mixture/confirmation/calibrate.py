"""How far predictions are off, at what each round proposed and at the mixtures that were chosen.

With shared seeds, a round's proposals train as the runs behind their predictions, so predicted minus realised is the
regressors' error. The confirming proxies have seeds of their own, and a seed moves the loss of every mixture: at
natural, which is no optimum of a prediction, it is off by about as much as at the chosen mixtures. So those are judged
by their gains, that is, after subtracting the error at natural.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.statistics import intervals

CHOSEN = "chosen"  # in place of a round


def calibration(
    proposals: pd.DataFrame,
    swarm: Runs,
    confirming: Runs,
    objectives: Mapping[str, Objective],
    simulations: Mapping[str, Mapping[str, Any]],
    level: float,
) -> pd.DataFrame:
    """objective, at, n, predicted, realised, natural, error, low, high: losses, but for the gain's error.

    ``at`` is the round that made the ``proposals``, or CHOSEN, as the objective's simulation (its JSON) predicts it and
    ``confirming`` runs realise it. ``error`` is predicted minus realised, so below zero the prediction is too
    optimistic, with a t interval over proposals or seeds. ``natural`` is the error at natural, which CHOSEN's ``error``
    excludes; NaN for proposals.
    """
    rows: list[dict[str, Any]] = []
    for name, objective in objectives.items():
        own = proposals[proposals["objective"] == name]
        losses = pd.Series(swarm.objective(objective), swarm.names)
        for round_, part in own.groupby(rounds(own), sort=False):
            guesses, truth = part["predicted"].to_numpy(np.float64), losses.loc[part["run"]].to_numpy()
            error = intervals.gain(guesses, truth, level)
            rows.append(_row(name, str(round_), len(part), guesses.mean(), truth.mean(), math.nan, error))
        chosen, natural = (confirming.of(kind).objective(objective) for kind in (f"regmix_{name}", "natural"))
        predicted, prior = (simulations[name][key]["mean"] for key in ("predicted", "predicted_prior"))
        error = intervals.gain(predicted - chosen, prior - natural, level)
        rows.append(_row(name, CHOSEN, len(chosen), predicted, chosen.mean(), prior - natural.mean(), error))
    return pd.DataFrame(rows)


def rounds(proposals: pd.DataFrame) -> pd.Series:
    """The round of each proposal, whose run is named <round>-<number>."""
    return proposals["run"].astype(str).str.rsplit("-", n=1).str[0]


def _row(
    objective: str, at: str, n: int, predicted: float, realised: float, natural: float, error: intervals.Score
) -> dict[str, Any]:
    return {"objective": objective, "at": at, "n": n, "predicted": predicted, "realised": realised, "natural": natural,
            "error": error.value, "low": error.low, "high": error.high}  # fmt: skip
