"""The answer on one screen: each objective's mixture, and how targets trained on it do against every rival."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from regmix.core.objective import NATS
from reports.headline import RIVALS, rivals, unit, weights
from reports.page.formats import MISSING, fixed, percent
from reports.page.section import Table

SHOWN = 4  # heaviest domains of a mixture


def answers(found: Mapping[str, Mapping[str, Any]], mixture: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """One column of text per objective of metrics/summary.json and metrics/mixture.json."""
    columns = {"objective": ["chosen mixture", "ρ", *(f"minus {rival}" for rival in RIVALS.values())]}
    for name, row in found.items():
        differences = rivals(row)
        leading = ", ".join(weights(mixture[name], 0.03).split(", ")[:SHOWN])
        title = name if unit(row) == NATS else f"{name}, {unit(row)}"
        columns[title] = [leading, fixed(row["spearman"], 2), *(differences.get(r, MISSING) for r in RIVALS)]
    return pd.DataFrame(columns)


def answer(found: Mapping[str, Mapping[str, Any]], mixture: Mapping[str, Mapping[str, Any]], level: float) -> Table:
    """The same for the page."""
    return Table(
        "answer",
        f"The mixture chosen for each objective, by its {SHOWN} heaviest domains; ρ, how well predictions rank unseen "
        f"mixtures; and the loss of targets trained on it minus that of targets trained otherwise, in {NATS} unless "
        f"the heading says otherwise, paired by seed, ± half a {percent(level)} interval: below zero, the chosen "
        "mixture is better.",
        answers(found, mixture),
        pd.DataFrame([{"objective": name, **row} for name, row in found.items()]),
    )
