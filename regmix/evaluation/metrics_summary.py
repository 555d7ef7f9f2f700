"""metrics/summary.json: the few numbers of each objective that a person compares between two runs of the pipeline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from regmix.evaluation import summary
from regmix.evaluation.headlines import Headlines
from regmix.evaluation.summary import BASELINE
from regmix.target.trained_methods import Method, aimed

# What RegMix's targets are compared with: the name in the summary, and the kind of method.
RIVALS = {"uniform": "uniform", "single": "best_single", "one_shot": "regmix_one_shot", "best_proxy": "best_proxy"}


def summarised(
    found: Headlines, methods: Mapping[str, Method], measures: pd.DataFrame, proxies: int, regrets: Mapping[str, float],
    level: float,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """By objective: spearman, proxies, gain_predicted, gain_realised and regret, in nats per token.

    Where a RegMix method aims at it also minus_<rival> for natural and ``RIVALS``: its targets' loss minus theirs,
    paired by seed, below zero if RegMix is better; and the verdict. ``<name>_ci`` is half the width of an interval of
    coverage ``level``. ``proxies`` counts the runs behind the regressors, ``regrets`` are mixture_simulate's.
    """
    out = {}
    for objective, part in found.items():
        rank, mixture = part["regression"], part["mixture"]
        row: dict[str, Any] = {
            "spearman": rank["spearman"],
            "proxies": proxies,
            "gain_predicted": mixture["predicted_gain"],
            "gain_realised": mixture["realised_gain"],
            "gain_realised_ci": _half(mixture["realised_gain_low"], mixture["realised_gain_high"]),
            "regret": regrets[objective],
        }
        own = aimed(methods, "regmix").get(objective)
        if own is not None:
            rivals = rivals_of(methods, objective)
            differences = {name: summary.difference(measures, own, rival, f"{objective}_loss", level)
                           for name, rival in rivals.items()}  # fmt: skip
            for name, one in differences.items():
                row |= {f"minus_{name}": one.mean, f"minus_{name}_ci": _half(one.low, one.high)}
            row["verdict"] = verdict(differences)
        out[objective] = row
    return out


def rivals_of(methods: Mapping[str, Method], objective: str) -> dict[str, str]:
    """The methods that RegMix's is compared with, by their names in the summary."""
    out = {"natural": BASELINE}
    for name, kind in RIVALS.items():
        found = [method.name for method in methods.values() if method.kind == kind and method.objective is None]
        found += [aimed(methods, kind)[objective]] if objective in aimed(methods, kind) else []
        if found:
            out[name] = found[0]
    return out


def verdict(differences: Mapping[str, summary.Spread]) -> str:
    """In words, from the intervals of the differences from the rivals."""
    unknown = [name for name, one in differences.items() if not one.high < 0 and not one.low > 0]
    worse = [name for name, one in differences.items() if one.low > 0]
    if not unknown and not worse:
        return f"better than all {len(differences)}"
    parts = [f"worse than {', '.join(worse)}"] if worse else []
    parts += [f"not distinguishable from {', '.join(unknown)}"] if unknown else []
    return "; ".join(parts)


def _half(low: float | None, high: float | None) -> float | None:
    if low is None or high is None or not math.isfinite(high - low):
        return None
    return (high - low) / 2
