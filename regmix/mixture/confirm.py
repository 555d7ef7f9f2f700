"""Predicted against realised: simulations held against proxies trained at their mixtures.

A confirming run's kind is the name of its mixture: ``natural`` or ``regmix_<objective>``, among others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regmix.core.errors import InputError
from regmix.core.runs import Runs
from regmix.statistics import intervals, verdicts


def predicted(simulation: Mapping[str, Any]) -> dict[str, Any]:
    """What a simulation (its JSON) claims, flat enough for a metrics file."""
    return {
        "weights": simulation["weights"],
        "predicted_loss": simulation["predicted"]["mean"],
        "predicted_sd": simulation["predicted"]["sd"],
        "gain": simulation["gain"]["value"],
        "gain_low": simulation["gain"]["low"],
        "gain_high": simulation["gain"]["high"],
        "verdict": simulation["verdict"],
    }


def summary(
    confirming: Runs, objective: str, weights: Mapping[str, float], simulation: Mapping[str, Any], level: float
) -> dict[str, Any]:
    """``predicted`` with what the confirming runs realised: loss, its sd over seeds, n, gain over natural.

    The gain's interval is Welch's, of coverage ``level``; without one (a single seed) the verdict is null.
    Raises InputError if the natural mixture or the objective's was not trained.
    """
    losses = confirming.objective(weights)
    own, natural = (_of(confirming, losses, kind) for kind in (f"regmix_{objective}", "natural"))
    gain = intervals.gain(natural, own, level)
    return predicted(simulation) | {
        "realised": {
            "loss": float(own.mean()),
            "sd": float(own.std(ddof=1)) if len(own) > 1 else None,
            "n": len(own),
            "natural_loss": float(natural.mean()),
            **{"gain" if key == "value" else f"gain_{key}": value for key, value in gain.to_json().items()},
            "verdict": verdicts.over_prior(gain) if np.isfinite(gain.low) else None,
        }
    }


def realised(
    confirming: Runs, objective: str, weights: Mapping[str, float], simulation: Mapping[str, Any]
) -> pd.DataFrame:
    """One row a confirmed mixture: objective, mixture, predicted and its sd, realised, its sd over seeds, n.

    Predictions are those of this objective's simulation: of its own mixture and of natural, NaN elsewhere.
    """
    losses = pd.Series(confirming.objective(weights)).groupby(confirming.kinds, sort=False)
    known = {f"regmix_{objective}": simulation["predicted"], "natural": simulation["predicted_prior"]}
    table = losses.agg(["mean", "std", "count"]).rename_axis("mixture").reset_index()
    table.columns = pd.Index(["mixture", "realised", "sd", "n"])
    for place, (column, part) in enumerate((("predicted", "mean"), ("predicted_sd", "sd")), 1):
        table.insert(place, column, [known[kind][part] if kind in known else np.nan for kind in table["mixture"]])
    table.insert(0, "objective", objective)
    return table


def _of(confirming: Runs, losses: np.ndarray, kind: str) -> np.ndarray:
    rows = confirming.kinds == kind
    if not rows.any():
        raise InputError(f"mixtures.csv: no confirming run of kind {kind!r}; run `dvc repro -f mixture_confirm`")
    return losses[rows]
