"""The numbers at the top of the report, by objective."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from regmix.evaluation import summary
from regmix.evaluation.summary import AVERAGE, AVERAGE_BITS, BASELINE
from regmix.regression import ranking

Headlines = dict[str, dict[str, Any]]  # by objective


def headlines(
    scores: pd.DataFrame,
    margins: pd.DataFrame,
    mixture: Mapping[str, Mapping[str, Any]],
    measures: pd.DataFrame,
    methods: Mapping[str, str],
    rivals: Mapping[str, Mapping[str, str]],
    dynamic: Mapping[str, Mapping[str, Any]],
    units: Mapping[str, str],
    level: float,
) -> Headlines:
    """By objective: ``regression``, ``mixture`` and ``target``, each with value, interval and n; None if undefined.

    ``scores`` and ``margins`` are regression_compare's, ``mixture`` is mixture_choose's confirmed-gains.json,
    ``measures`` are the targets', from evaluation.summary. ``methods`` names the RegMix method of each objective,
    ``rivals`` the methods that it is compared with, by what they are called. ``dynamic`` comes from
    dynamic_mixing.compare and is added to its objectives under that name. ``units`` are the objectives'.
    """
    out: Headlines = {}
    for objective, gains in mixture.items():
        real, loss = gains["realised"], f"{objective}_loss"
        out[objective] = {
            "unit": units[objective],
            "regression": _ranking(scores, margins, objective),
            "mixture": {
                "predicted_gain": gains["gain"],
                **_triple("realised_gain", (real["gain"], real["gain_low"], real["gain_high"])),
                "n": real["n"],
            },
        }
        if objective in dynamic:
            out[objective]["dynamic"] = dict(dynamic[objective])
        if objective not in methods:
            continue
        method = methods[objective]

        def minus(other: str, measure: str, method: str = method) -> summary.Spread:
            return summary.difference(measures, method, other, measure, level)

        target: dict[str, Any] = {
            "method": method,
            **_spread("difference", minus(BASELINE, loss)),
            "n": minus(BASELINE, loss).n,
        }
        target["rivals"] = {
            name: {"method": rival, **_spread("value", minus(rival, loss))} for name, rival in rivals[objective].items()
        }
        target |= _spread("tasks_difference", minus(BASELINE, AVERAGE))
        if AVERAGE_BITS in set(measures["measure"]):
            target |= _spread("bits_difference", minus(BASELINE, AVERAGE_BITS))
        out[objective]["target"] = target
    return out


def _ranking(scores: pd.DataFrame, margins: pd.DataFrame, objective: str) -> dict[str, Any]:
    """The best regressor by cross-validation, with its scores on the held-out mixtures if there are any."""
    name = ranking.best(scores, objective)
    split = "heldout" if math.isfinite(ranking.score(scores, name, objective, "heldout").value) else "cv"
    n = scores[(scores["split"] == split) & (scores["metric"] == "spearman")]["n"].iloc[0]
    row = margins[(margins["regressor"] == name) & (margins["objective"] == objective) & (margins["split"] == split)]
    margin = row[["difference", "low", "high"]].iloc[0].tolist() if len(row) else [math.nan] * 3
    return {
        "regressor": name,
        "split": split,
        **_triple("spearman", ranking.score(scores, name, objective, split)),
        "n": int(n),
        "no_proxy": _known(ranking.score(scores, ranking.NO_PROXY, objective, split).value),
        **_triple("over_no_proxy", margin),
    }


def _spread(name: str, spread: summary.Spread) -> dict[str, float | None]:
    return _triple(name, (spread.mean, spread.low, spread.high))


def _triple(name: str, values: Sequence[float | None]) -> dict[str, float | None]:
    return {key: _known(v) for key, v in zip((name, f"{name}_low", f"{name}_high"), values, strict=True)}


def _known(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
