"""Every number of the analyses by name; Spearman x 100, as the paper prints it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

SCALES = {"test_1m": "1m", "test_60m": "60m", "test_1b": "1b"}
NAMES = {"cv": "cv", **SCALES, **{f"{split}_starved": f"{size}_starved" for split, size in SCALES.items()}}
PERCENT = 100


def table2(scores: pd.DataFrame, objective: str) -> dict[str, Any]:
    """regressor -> spearman_1m, mse_1m, ... and the edges of their intervals."""
    own = scores[(scores["objective"] == objective) & scores["split"].isin(NAMES)]
    out: dict[str, Any] = {}
    for row in own.itertuples(index=False):
        factor = PERCENT if row.metric == "spearman" else 1
        name = f"{row.metric}_{NAMES[row.split]}"
        out.setdefault(row.regressor, {}).update(_triple(name, row, factor) | {f"n_{NAMES[row.split]}": int(row.n)})
    return out


def domains(scores: pd.DataFrame) -> dict[str, Any]:
    """regressor -> domain -> spearman by scale."""
    own = scores[(scores["metric"] == "spearman") & scores["split"].isin(["cv", *SCALES])]
    out: dict[str, Any] = {}
    for row in own.itertuples(index=False):
        cell = out.setdefault(row.regressor, {}).setdefault(row.objective, {})
        cell[f"spearman_{NAMES[row.split]}"] = finite(PERCENT * row.value)
    return out


def stops(table: pd.DataFrame) -> dict[str, Any]:
    """spearman_<scale>: mean, lowest and highest over the parts of the training runs that LightGBM stops on."""
    out: dict[str, Any] = {"parts": int(table["part"].nunique())}
    for split, part in table.groupby("split", sort=False)["spearman"]:
        name = f"spearman_{SCALES[str(split)]}"
        out |= {f"{name}_{word}": PERCENT * float(part.agg(word)) for word in ("mean", "min", "max")}
    return out


def margins(frame: pd.DataFrame, objective: str) -> dict[str, Any]:
    """first -> minus_<second>_<scale> with its edges, for the objective."""
    out: dict[str, Any] = {}
    for row in frame[(frame["objective"] == objective) & frame["split"].isin(NAMES)].itertuples(index=False):
        out.setdefault(row.first, {}).update(_triple(f"minus_{row.second}_{NAMES[row.split]}", row, PERCENT))
    return out


def figure4(table: pd.DataFrame) -> dict[str, Any]:
    """``curve`` as regressor -> proxies_<n>_<scale>: the mean with its t interval, sd and the number of subsets."""
    out: dict[str, Any] = {}
    for row in table.itertuples(index=False):
        if not row.subsets:
            continue
        key = f"proxies_{row.proxies}_{SCALES[row.split]}"
        cell = {"": row.mean, "_low": row.low, "_high": row.high, "_sd": row.sd}
        out.setdefault(row.regressor, {}).update({f"{key}{end}": finite(value) for end, value in cell.items()})
        out[row.regressor][f"{key}_subsets"] = row.subsets
    return out


def domain_curves(table: pd.DataFrame) -> dict[str, Any]:
    """regressor -> proxies_<n>_<scale>: the mean over all domains' losses, the lowest and whose it is."""
    out: dict[str, Any] = {}
    for row in table.dropna().itertuples(index=False):
        key = f"proxies_{row.proxies}_{SCALES[row.split]}"
        cell = {f"{key}_mean": row.mean, f"{key}_lowest": row.lowest, f"{key}_domain": row.domain}
        out.setdefault(row.regressor, {}).update(cell)
    return out


def table6(restricted: pd.DataFrame) -> dict[str, Any]:
    """regressor -> spearman_1m and so on, for runs with almost none of the objective's own domain."""
    out: dict[str, Any] = {}
    for row in restricted.itertuples(index=False):
        factor = PERCENT if row.metric == "spearman" else 1
        out.setdefault(row.regressor, {}).update(
            _triple(f"{row.metric}_1m", row, factor) | {"trained": int(row.trained), "n": int(row.n)}
        )
    return out


def figure15(ranks: pd.DataFrame) -> dict[str, Any]:
    """<domain>_1m_60m: Spearman of a domain's loss at 1M with itself at 60M."""
    out: dict[str, Any] = {}
    for row in ranks[ranks["first"] == ranks["second"]].itertuples(index=False):
        out |= _triple(f"{row.first}_1m_60m", row, PERCENT)
    return out


def beta(table: pd.DataFrame, corrected: Mapping[str, Any], objective: str, regressor: str) -> dict[str, Any]:
    """value: 1M to 1B by ``regressor``; value_60m: to 60M, matched; and the effect of the correction on 1B losses."""
    own = table[table["domain"] == objective]
    out: dict[str, Any] = {}
    for row in own.itertuples(index=False):
        name = "value_60m" if row.source == "matched" else "value" if row.source == regressor else f"value_{row.source}"
        out |= _triple(name, row) | {f"{name}_sd": finite(row.sd), f"{name}_n": int(row.n)}
    return out | {f"corrected_{name}": dict(value) for name, value in corrected.items()}


def finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _triple(name: str, row: Any, factor: float = 1) -> dict[str, float | None]:
    return {
        name: finite(factor * row.value),
        f"{name}_low": finite(factor * row.low),
        f"{name}_high": finite(factor * row.high),
    }
