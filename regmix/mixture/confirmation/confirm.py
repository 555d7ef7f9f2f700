"""Predicted against realised: simulations compared with proxies trained at their mixtures.

The kind of a confirming run is the name of its mixture: ``natural``, ``regmix_<objective>`` or another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.statistics import intervals, verdicts


def predicted(simulation: Mapping[str, Any]) -> dict[str, Any]:
    """What a simulation (its JSON) predicts, flat enough for a metrics file."""
    return {
        "weights": simulation["weights"],
        "predicted_loss": simulation["predicted"]["mean"],
        "predicted_sd": simulation["predicted"]["sd"],
        "gain": simulation["gain"]["value"],
        "gain_low": simulation["gain"]["low"],
        "gain_high": simulation["gain"]["high"],
        "verdict": simulation["verdict"],
    }


def leading(simulation: Mapping[str, Any], least: float = 0.02) -> dict[str, dict[str, float]]:
    """A simulation's (its JSON) weights from ``least`` on, largest first, and their spread over refits, to .01."""
    weights = simulation["weights"]
    domains = [domain for domain in sorted(weights, key=lambda name: -weights[name]) if weights[domain] >= least]
    return {part: {domain: round(simulation[part][domain], 2) for domain in domains} for part in ("weights", "spread")}


def summary(
    confirming: Runs, name: str, objective: Objective, simulation: Mapping[str, Any], level: float
) -> dict[str, Any]:
    """``predicted``, plus what the confirming runs realised: loss, its sd over seeds, n, gain over natural,
    and the largest excess over a limit.

    The gain is paired by seed, its interval has coverage ``level``; without one (a single seed) the verdict is null.
    Raises InputError if the natural mixture or the objective's mixture was not trained.
    """
    losses = confirming.objective(objective)
    chosen, natural = (_losses_of(confirming, losses, kind) for kind in (f"regmix_{name}", "natural"))
    gain = intervals.gain(natural, chosen, level)
    return predicted(simulation) | {
        "realised": {
            "loss": float(chosen.mean()),
            "sd": float(chosen.std(ddof=1)) if len(chosen) > 1 else None,
            "n": len(chosen),
            "natural_loss": float(natural.mean()),
            **{"gain" if key == "value" else f"gain_{key}": value for key, value in gain.to_json().items()},
            "verdict": verdicts.over_prior(gain) if np.isfinite(gain.low) else None,
            "excess": _excess(confirming.of(f"regmix_{name}"), objective),
        }
    }


def realised(confirming: Runs, name: str, objective: Objective, simulation: Mapping[str, Any]) -> pd.DataFrame:
    """One row per confirmed mixture: objective, mixture, predicted and its sd, realised, its sd over seeds, n.

    Predictions are from this objective's simulation, for its own mixture and natural; NaN for other mixtures.
    """
    losses = pd.Series(confirming.objective(objective)).groupby(confirming.kinds, sort=False)
    by_kind = {f"regmix_{name}": simulation["predicted"], "natural": simulation["predicted_prior"]}
    table = losses.agg(["mean", "std", "count"]).rename_axis("mixture").reset_index()
    table.columns = pd.Index(["mixture", "realised", "sd", "n"])
    for place, (column, part) in enumerate((("predicted", "mean"), ("predicted_sd", "sd")), 1):
        table.insert(place, column, [by_kind[kind][part] if kind in by_kind else np.nan for kind in table["mixture"]])
    table.insert(0, "objective", name)
    return table


def noise(confirming: Runs, seeds: np.ndarray, objectives: Mapping[str, Objective]) -> pd.DataFrame:
    """objective, mixture, sd, sd_shared, n, p, p_shared: the noise of a run, by the mixture that it trains on.

    ``seeds`` (N,) are the runs'. ``sd`` is over the seeds of a mixture, ``sd_shared`` without what all mixtures have
    in common at a seed. ``p`` is Levene's (by medians) of one noise for all mixtures; NaN below three seeds.
    """
    rows = []
    for name, objective in objectives.items():
        losses = pd.Series(confirming.objective(objective))
        table = losses.groupby([confirming.kinds, seeds], sort=False).mean().unstack()
        own = table.sub(table.mean(axis=1), axis=0)
        rest = own - own.mean()
        frame = table.notna().sum(axis=1).rename("n").rename_axis("mixture").reset_index()
        for end, part in (("", own), ("_shared", rest)):
            # A mean over M mixtures takes a share of 1 / M of each one's squares with it.
            lost = 1 - 1 / len(part) if end and len(part) > 1 else 1.0
            frame[f"sd{end}"] = (part.std(axis=1, ddof=1) / math.sqrt(lost)).to_numpy()
            groups = [row[np.isfinite(row)] for row in part.to_numpy()]
            enough = min(map(len, groups)) > 2 and len(groups) > 1
            frame[f"p{end}"] = stats.levene(*groups).pvalue if enough else math.nan
        rows.append(frame.assign(objective=name))
    return pd.concat(rows, ignore_index=True)[["objective", "mixture", "sd", "sd_shared", "n", "p", "p_shared"]]


def _excess(chosen: Runs, objective: Objective) -> dict[str, Any] | None:
    """The domain that is most above its limit, and by how many nats on average over the runs; None without limits."""
    if objective.limits is None:
        return None
    above = chosen.parts(objective).losses.mean(axis=0) - objective.limits
    worst = int(np.argmax(above))
    return {"domain": objective.names[worst], "nats": float(above[worst])}


def _losses_of(confirming: Runs, losses: np.ndarray, kind: str) -> np.ndarray:
    rows = confirming.kinds == kind
    if not rows.any():
        raise InputError(f"mixtures.csv: no confirming run of kind {kind!r}; run `dvc repro -f mixture_confirm`")
    return losses[rows]
