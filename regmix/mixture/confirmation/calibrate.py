"""By how much predictions at an optimum are off, estimated from the proposals that rounds trained.

A prediction at the mixture that is best by the same prediction is likely to be too low, and a law that is fitted to
runs far from the optimum can be too high there. A round's proposals are such mixtures, predicted by fits to the runs
before them; the mean of predicted minus realised is the shift that corrects the prediction of the next optimum. It
changes no choice: a shift moves all mixtures alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.statistics import intervals
from regmix.statistics.intervals import Score


def calibration(
    proposals: pd.DataFrame,
    swarm: Runs,
    confirming: Runs,
    objectives: Mapping[str, Objective],
    simulations: Mapping[str, Mapping[str, Any]],
    level: float,
) -> pd.DataFrame:
    """objective, predicted, realised, difference, low, high, proposals, shift, shift_low, shift_high, calibrated.

    ``difference`` is the loss that the objective's simulation (its JSON) predicts at the recommended mixture minus that
    of the runs that confirm it, with a t interval over seeds. ``shift`` is the same for the objective's ``proposals``,
    with a t interval over them, and ``calibrated`` the prediction minus the shift; NaN without proposals.
    """
    rows: list[dict[str, Any]] = []
    for name, objective in objectives.items():
        chosen = confirming.of(f"regmix_{name}").objective(objective)
        predicted = simulations[name]["predicted"]["mean"]
        error = intervals.gain(np.full(len(chosen), predicted), chosen, level)
        own = proposals[proposals["objective"] == name]
        shift = _shift(own, swarm, objective, level) if len(own) else Score(*[np.nan] * 3)
        rows.append(
            {"objective": name, "predicted": predicted, "realised": chosen.mean(), "difference": error.value,
             "low": error.low, "high": error.high, "proposals": len(own), "shift": shift.value, "shift_low": shift.low,
             "shift_high": shift.high, "calibrated": predicted - shift.value}
        )  # fmt: skip
    return pd.DataFrame(rows)


def _shift(proposals: pd.DataFrame, swarm: Runs, objective: Objective, level: float) -> Score:
    realised = pd.Series(swarm.objective(objective), swarm.names).loc[proposals["run"]]
    return intervals.gain(proposals["predicted"].to_numpy(), realised.to_numpy(), level)
