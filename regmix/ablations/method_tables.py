"""Tables from a comparison's plans and policies: queries outside the support, beta, and costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd


def support(method: str, facts: Mapping[str, Any], states: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """method, run, queries, outside: counts of the queries of a plan (run ``plan``) and of every run's policy."""
    queries = {"plan": facts.get("queries", []), **{run: state.get("queries", []) for run, state in states.items()}}
    rows = [[method, run, len(own), sum(bool(q["outside"]) for q in own)] for run, own in queries.items() if own]
    return pd.DataFrame(rows, columns=["method", "run", "queries", "outside"])


def beta(method: str, facts: Mapping[str, Any]) -> pd.DataFrame:
    """method, value, low, high, runs of the exponent across scale; without an interval if it was given."""
    fitted = facts.get("beta")
    rows = [[method, *(fitted.get(key) for key in ("value", "low", "high", "runs"))]] if fitted else []
    return pd.DataFrame(rows, columns=["method", "value", "low", "high", "runs"])


def costs(method: str, items: list[Mapping[str, Any]]) -> pd.DataFrame:
    """method, what, trained, scored (tokens) and flops_<way of counting>: the cost of finding the mixture."""
    rows = [
        {"method": method, **{key: item[key] for key in ("what", "trained", "scored")}}
        | {f"flops_{way}": value for way, value in item["flops"].items()}
        for item in items
    ]
    return pd.DataFrame(rows, columns=["method", "what", "trained", "scored"] if not rows else None)
