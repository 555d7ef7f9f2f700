"""What an arm's plans and policies leave, as tables: what was asked off the support, beta, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd


def support(method: str, facts: Mapping[str, Any], states: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """method, run, queries, outside: of the queries of a plan (run ``plan``) and of every run's policy."""
    asked = {"plan": facts.get("queries", []), **{run: state.get("queries", []) for run, state in states.items()}}
    rows = [[method, run, len(of), sum(bool(q["outside"]) for q in of)] for run, of in asked.items() if of]
    return pd.DataFrame(rows, columns=["method", "run", "queries", "outside"])


def beta(method: str, facts: Mapping[str, Any]) -> pd.DataFrame:
    """method, value, low, high, runs of the exponent across scale; without an interval where it was given."""
    found = facts.get("beta")
    rows = [[method, *(found.get(key) for key in ("value", "low", "high", "runs"))]] if found else []
    return pd.DataFrame(rows, columns=["method", "value", "low", "high", "runs"])


def spent(method: str, items: list[Mapping[str, Any]]) -> pd.DataFrame:
    """method, what, trained, scored (tokens) and flops_<way to count> of finding the mixture."""
    rows = [
        {"method": method, **{key: item[key] for key in ("what", "trained", "scored")}}
        | {f"flops_{way}": value for way, value in item["flops"].items()}
        for item in items
    ]
    return pd.DataFrame(rows, columns=["method", "what", "trained", "scored"] if not rows else None)
