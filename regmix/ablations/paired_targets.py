"""The targets of all comparisons together, and the differences between any two.

A target's name is ``comparison/method``. All are trained on the same seeds, so any two with the same objective can be
paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.core.runs import objective_losses
from regmix.evaluation import summary
from regmix.evaluation.summary import LOSS, Spread

OBJECTIVE, MEAN = "objective", "mean"  # measures: the comparison's objective, and the mean over the trained domains


@dataclass(frozen=True)
class Results:
    """``measures`` (method, seed, group, measure, value) and ``design`` (comparison, id, entry, proxies, kind,
    options)."""

    measures: pd.DataFrame
    design: pd.DataFrame
    level: float

    def rows(self, comparison: str, *entries: str) -> list[dict[str, Any]]:
        """The design of a comparison: all rows, or those of some entries."""
        rows = self.design[self.design["comparison"] == comparison]
        return rows[rows["entry"].isin(entries)].to_dict("records") if entries else rows.to_dict("records")

    def first_target(self, comparison: str, entry: str, **options: Any) -> str | None:
        """The name of an entry's first target with these options; None if there is none."""
        for row in self.rows(comparison, entry):
            if all(same(row.get(key), value) for key, value in options.items()):
                return str(row["id"])
        return None

    def loss_difference(self, first: str | None, second: str | None, measure: str = OBJECTIVE) -> Spread | None:
        """The loss of ``first`` minus that of ``second``, seed by seed; None if one is missing.

        One row of ``summary.differences``, which would join frames again for each of a few hundred pairs.
        """
        if first is None or second is None or first == second:
            return None
        values = self._by_seed
        if (first, measure) not in values or (second, measure) not in values:
            return None
        pairs = (values[first, measure] - values[second, measure]).to_numpy()
        if np.isnan(pairs).any():
            raise InputError(f"{first}: its seeds differ from those of {second}; run `dvc --cd ablations repro` again")
        return summary.spread(pairs, self.level)

    @cached_property
    def _by_seed(self) -> dict[tuple[str, str], pd.Series]:
        return {key: rows.set_index("seed")["value"] for key, rows in self.measures.groupby(["method", "measure"])}

    def noise(self, comparison: str) -> Spread:
        """The loss of natural in a comparison, over its seeds: its standard deviation is the seed-noise floor."""
        return summary.spread(self._by_seed[f"{comparison}/natural", OBJECTIVE].to_numpy(), self.level)


def same(stored: Any, expected: Any) -> bool:
    """Whether an option read back from a table equals the expected one, or both are missing there."""
    if pd.isna(stored) and pd.isna(expected):
        return True
    try:
        return float(stored) == float(expected)
    except (TypeError, ValueError):
        return str(stored) == str(expected)


def collect(
    losses: Mapping[str, pd.DataFrame], designs: Mapping[str, pd.DataFrame],
    objectives: Mapping[str, tuple[Objective, Sequence[str]]], level: float,
) -> Results:  # fmt: skip
    """From the comparisons' losses.csv and design.csv; ``objectives`` gives the objective of each, and its trained
    domains."""
    measures, rows = [], []
    for comparison, frame in losses.items():
        objective, trained = objectives[comparison]
        named = frame.assign(run=[f"{m}/seed-{s}" for m, s in frame[["method", "seed"]].itertuples(index=False)])
        for measure, aim in ((OBJECTIVE, objective), (MEAN, Objective.mean(dict.fromkeys(trained, 1.0)))):
            values = {
                "method": f"{comparison}/" + frame["method"],
                "seed": frame["seed"],
                "group": LOSS,
                "measure": measure,
            }
            measures.append(pd.DataFrame(values).assign(value=objective_losses(named, aim)))
        rows.append(
            designs[comparison].assign(comparison=comparison, id=f"{comparison}/" + designs[comparison]["method"])
        )
    return Results(pd.concat(measures, ignore_index=True), pd.concat(rows, ignore_index=True), level)
