"""What guardrails of an objective (``{mean: ..., within: ...}``) are worth on targets: by how much each trained
domain's loss is above that of the natural mixture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from regmix.evaluation.summary import BASELINE, LOSS, Spread, differences

COLUMNS = ["objective", "method", "domain", "within", *Spread._fields]


def excesses(
    losses: pd.DataFrame, methods: Mapping[str, str], guards: Mapping[str, float], domains: Sequence[str], level: float
) -> pd.DataFrame:
    """One row for each objective in ``guards`` that a method aims at, and each of ``domains``, the highest first.

    ``losses`` has method, seed and domains. ``methods`` names the RegMix method and ``guards`` the allowed excess, in
    nats per token, of objectives. The columns of Spread are of the method's loss minus the baseline's, seed by seed.
    """
    rows = [pd.DataFrame(columns=COLUMNS)]
    for objective in (name for name in guards if name in methods):
        pair = losses[losses["method"].isin([methods[objective], BASELINE])]
        table = pair.melt(["method", "seed"], list(domains), "measure", "value").assign(group=LOSS)
        excess = differences(table, BASELINE, level).rename(columns={"measure": "domain"})
        excess = excess.assign(objective=objective, within=guards[objective])
        rows.append(excess.sort_values("mean", ascending=False, kind="stable")[COLUMNS])
    return pd.concat(rows[1:] or rows, ignore_index=True)
