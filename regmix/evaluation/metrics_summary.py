"""metrics/summary.json: the few numbers of each objective that a person compares between two runs of the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regmix.core.objective import NATS
from regmix.evaluation.decision import over_rivals
from regmix.evaluation.headlines import Headlines
from regmix.evaluation.summary import BASELINE
from regmix.statistics.digits import leading
from regmix.target.trained_methods import Method

# What RegMix's targets are compared with, besides natural: the name in the summary, and the kind of method.
RIVALS = {
    "uniform": "uniform",
    "own": "objective_only",
    "single": "best_single",
    "one_shot": "regmix_one_shot",
    "best_proxy": "best_proxy",
}


def rivals_of(methods: Mapping[str, Method], objective: str) -> dict[str, str]:
    """The methods that an objective's RegMix is compared with, by their names in the summary, as far as there are any.

    They are fixed before any result: the kinds in ``RIVALS`` that aim at the objective, or at none.
    """
    out = {"natural": BASELINE}
    for name, kind in RIVALS.items():
        of_kind = (method for method in methods.values() if method.kind == kind)
        matches = [method.name for method in of_kind if method.objective in (objective, None)]
        out |= {name: matches[0]} if matches else {}
    return out


def summarised(headlines: Headlines, proxies: int, regrets: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """By objective: spearman, gain_predicted and gain_realised, in nats per token, or in ``unit``.

    Where a RegMix method aims at it also proxies, the number of runs behind the regressors; regret, mixture_simulate's;
    minus_<rival>, its targets' loss minus the rival's, below zero if RegMix is better, and <name>_ci, half the width of
    its interval; and the verdict.
    """
    out = {}
    for objective, part in headlines.items():
        mixture = part["mixture"]
        row: dict[str, Any] = {
            "spearman": _round(part["regression"]["spearman"], 2),
            "gain_predicted": _round(mixture["predicted_gain"], 2),
            "gain_realised": _round(mixture["realised_gain"], 2),
        }
        if part["unit"] != NATS:
            row["unit"] = part["unit"]
        if "target" in part:
            row |= {"proxies": proxies, "regret": round(regrets[objective], 3)}
            for name, rival in part["target"]["rivals"].items():
                value, half = _with_half(rival["value"], rival["value_low"], rival["value_high"])
                row |= {f"minus_{name}": value, f"minus_{name}_ci": half}
            row["verdict"] = ": ".join(over_rivals(part["target"]["rivals"], part["unit"]))
        out[objective] = row
    return out


def _with_half(value: float | None, low: float | None, high: float | None) -> tuple[float | None, float | None]:
    """A value and half the width of its interval, to the first digit of the latter."""
    if value is None or low is None or high is None or high <= low:
        return value, None
    half = (high - low) / 2
    digits = leading(half)
    return round(value, digits), round(half, digits)


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
