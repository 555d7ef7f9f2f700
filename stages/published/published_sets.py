"""Shared by the stages on the published runs: reading the sets that published_runs wrote."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from regmix.core import runs
from regmix.core.runs import Runs
from regmix.published.tables import DOMAINS, SOURCES, read_printed

TRAIN, *TESTS = SOURCES


def read_sets(folder: Path) -> dict[str, Runs]:
    """The runs of every set by its name, the training set first."""
    return {name: runs.read(folder / name, DOMAINS) for name in SOURCES}


def as_printed(sets: dict[str, Runs], tables: Path) -> dict[str, Runs]:
    """The sets with the weights in TABLES: three digits, sums not exactly 1, as the paper's code uses them.

    Many printed weights are equal. Division by the sum separates them by rounding errors, and then the last bit of a
    float decides where LightGBM splits: its rank correlation at 1B changes by up to half a point.
    """
    return {
        name: replace(part, mixtures=_printed(tables, name)[[f"train_the_pile_{d}" for d in DOMAINS]].to_numpy())
        for name, part in sets.items()
    }


def _printed(tables: Path, name: str) -> pd.DataFrame:
    return read_printed(tables / SOURCES[name].mixtures).sort_values("index")
