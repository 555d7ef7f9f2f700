"""The gain from dynamic mixing on the objective that it optimises.

A dynamic method is one whose mixture changes while a target trains, or that queried a regressor about it.
It is compared, seed by seed, with the alternatives: the natural mixture, the static mixture that RegMix recommends for
the same objective, the objective's domains alone, and the best static method.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from regmix.evaluation import summary
from regmix.target.trained_methods import Method

COUNTS = ("body", "full")


def compare(
    methods: Mapping[str, Method], measures: pd.DataFrame, objective: str, target: Mapping[str, Any], level: float
) -> dict[str, dict[str, Any]]:
    """Objective -> the numbers of its dynamic methods as JSON values, None if undefined. Empty without such methods.

    The numbers: ``n`` seeds; ``noise``, the pooled sd over seeds in nats, with ``noise_free`` degrees of freedom; the
    methods compared with (``natural``, ``regmix``, ``alone``, ``best_static`` with the lowest mean loss); and per
    dynamic method in ``methods``: ``loss``, ``less`` (by other method, each pair once: value, low, high of the paired
    difference), ``cost`` in targets by ``COUNTS``, the number of ``queries`` and how many are ``outside``. A method
    without an objective counts for every objective of the others, or for ``objective`` if there is none. ``measures``
    come from evaluation.summary, ``target`` is a target's meta.json.
    """
    dynamic = {name: method for name, method in methods.items() if method.dynamic}
    named = list(dict.fromkeys(method.objective for method in dynamic.values() if method.objective))
    aims = named or ([objective] if dynamic else [])
    return {aim: _objective(methods, dynamic, measures, aim, target, level) for aim in aims}


def _objective(
    methods: Mapping[str, Method], dynamic: Mapping[str, Method], measures: pd.DataFrame, objective: str,
    target: Mapping[str, Any], level: float,
) -> dict[str, Any]:  # fmt: skip
    measure = f"{objective}_loss"
    part = measures[measures["measure"] == measure]
    means = part.groupby("method", sort=False)["value"].mean()
    steering = [name for aim in (objective, None) for name, method in dynamic.items() if method.objective == aim]
    static = means[[name not in dynamic for name in means.index]]
    roles = {
        "natural": summary.BASELINE,
        "regmix": _first(methods, "regmix", objective),
        "alone": _first(methods, "objective_only", objective),
        "best_static": str(static.idxmin()),
    }
    noise, free = summary.seed_noise(measures, measure)
    numbers: dict[str, Any] = {}
    for place, name in enumerate(steering):
        others = dict.fromkeys([*(role for role in roles.values() if role), *steering[:place]])  # each pair once
        queries = [query for run in methods[name].queries.values() for query in run]
        numbers[name] = {
            "loss": float(means[name]),
            "less": {other: _edges(summary.difference(measures, name, other, measure, level)) for other in others},
            "cost": {key: methods[name].flops(key) / one_target(target, key) for key in COUNTS},
            "queries": len(queries),
            "outside": sum(query["outside"] for query in queries),
        }
    n = int(part.groupby("method").size().min())
    return {"n": n, "noise": _known(noise), "noise_free": free, **roles, "methods": numbers}


def one_target(target: Mapping[str, Any], key: str) -> float:
    """The FLOPs of training one target, counted by ``key``."""
    return float(target["flops_a_token"][key] * target["train_tokens"])


def _first(methods: Mapping[str, Method], kind: str, objective: str) -> str | None:
    """The first static method of this kind that aims at the objective."""
    matching = (m for m in methods.values() if m.kind == kind and m.objective == objective and not m.dynamic)
    return next((method.name for method in matching), None)


def _edges(spread: summary.Spread) -> dict[str, float | None]:
    return {"value": spread.mean, "low": _known(spread.low), "high": _known(spread.high)}


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
