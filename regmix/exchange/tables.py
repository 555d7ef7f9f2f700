"""Runs trained elsewhere: their mixtures and metrics, from the tables that other tools write.

Two tables joined on a column of run names (olmix's ratios.csv and metrics.csv, RegMix's published pair), or one wide
table with a pattern for each kind of column (a Weights & Biases export). CSV, also compressed, TSV or Parquet.
"""

from __future__ import annotations

import fnmatch
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from regmix.core.errors import Faults, InputError, reason_of

IDS = ("run", "run_id", "index", "ID", "Name", "name")  # columns that name a run, the first of them present
LABELS = (*IDS, "State", "kind", "seed")  # columns that are neither weights nor metrics
ROUNDING = 0.005  # by how much a row of weights rounded to three digits can miss 1
STRIPPED = ("train_*", "metric/*_val_loss")  # RegMix's published names: what * stands for is the domain
LARGEST = 1e15  # larger numbers are treated as mistakes; the square of this one still has digits left
ODD = 0.1  # largest share of runs with a sign that is treated as a mistake
SHOWN = 5  # faults of a kind that are listed


@dataclass(frozen=True)
class RunTable:
    """Mixtures (N, K) and metrics (N, D) of the same runs, by run; and what was left out, a line each.

    ``unused`` are domains of the table on which no run trains. They are not among the K.
    """

    mixtures: pd.DataFrame
    metrics: pd.DataFrame
    notes: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def over(self, other: RunTable) -> pd.DataFrame:
        """The mixtures over the domains of the ``other`` runs. Raises InputError if one of these trains on more."""
        if more := [name for name in self.mixtures if name in other.unused]:
            raise InputError(f"{more[0]}: the runs to rank train on it, and no run to learn from does; leave them out")
        zero = {name: 0.0 for name in self.unused if name in other.mixtures}
        return self.mixtures.assign(**zero)


def read_runs(
    ratios: Path,
    metrics: Path | None = None,
    *,
    domain_columns: str | None = None,
    metric_columns: str | None = None,
    renormalise: bool = False,
) -> RunTable:
    """The runs in ``ratios`` and ``metrics``, or in one table that has both.

    ``domain_columns`` and ``metric_columns`` are patterns such as ``mix/*``; what * stands for becomes the name.
    Without them, all columns but run names and text count. Weights must sum to 1 but for rounding; ``renormalise``
    scales them. Raises Faults, with all that is wrong in the tables.
    """
    if metrics is None and not (domain_columns and metric_columns):
        raise InputError(
            f"{ratios}: one table for weights and metrics; say which columns are which: --domain-columns 'mix/*' "
            "--metric-columns 'eval/*', or give a second table"
        )
    notes: list[str] = []
    left = _read(ratios, notes)
    right = left if metrics is None else _read(metrics, notes)
    faults: list[str] = []
    weights = _columns(left, ratios, domain_columns, STRIPPED[0], notes, faults)
    unused = tuple(name for name in weights if (weights[name] == 0).all())
    if unused:
        notes.append(f"{ratios}: left out {', '.join(map(repr, unused))}: 0 in all runs")
        weights = weights.drop(columns=list(unused))
    values = _columns(right, metrics or ratios, metric_columns, STRIPPED[1], notes, faults)
    faults += _unmatched(weights, values, ratios, metrics)
    if not faults:
        values = values.loc[weights.index]
        faults += _off(weights, ratios, renormalise)
        notes += _odd_signs(values, metrics or ratios)
    if faults:
        raise Faults(*faults)
    totals = np.ascontiguousarray(weights).sum(axis=1)  # to the last bit as regmix.published.tables sums
    return RunTable(weights.div(totals, axis=0), values, tuple(notes), unused)


def _read(path: Path, notes: list[str]) -> pd.DataFrame:
    """A table with its runs as the index. Raises InputError."""
    try:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
        else:
            table = _read_text(path, sep="\t" if ".tsv" in path.suffixes else ",")
    except (EOFError, LZMAError, OSError, ValueError, BadZipFile, pd.errors.ParserError, zlib.error) as error:
        reason = reason_of(error)
        raise InputError(f"{path}: cannot be read as a table ({reason}); give CSV, TSV or Parquet") from None
    name = next((name for name in IDS if name in table), None)
    if name is None:
        raise InputError(f"{path}: no column names the runs; call it one of {', '.join(IDS)}")
    if "State" in table and not (finished := table["State"] == "finished").all():
        notes.append(f"{path}: left out {int((~finished).sum())} runs whose State is not 'finished'")
        table = table[finished]
    ids = table[name]
    if ids.isna().any():
        raise InputError(f"{path}: column {name!r} is empty in row {int(np.argmax(ids.isna())) + 2}; name the run")
    if ids.duplicated().any():
        raise InputError(f"{path}: column {name!r}: {ids[ids.duplicated()].iloc[0]} occurs twice; keep one of the rows")
    return table.set_index(ids.astype(str).rename("run"))


def _read_text(path: Path, **form: Any) -> pd.DataFrame:
    """Raises InputError for what pandas would take for another table: a column's name twice, or none for a column.

    A first column without a name is left out: the row numbers that pandas writes, as in olmix's tables.
    """
    table = pd.read_csv(path, **form)
    header = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False, **form).iloc[0]
    unnamed = header == ""
    if (twice := header[header.duplicated() & ~unnamed]).size:
        raise InputError(f"{path}: column {twice.iloc[0]!r} occurs twice; rename or drop one")
    if not isinstance(table.index, pd.RangeIndex):
        raise InputError(f"{path}: its rows have more fields than its header; name every column")
    if unnamed[1:].any():
        raise InputError(f"{path}: column {int(np.argmax(unnamed[1:])) + 2} has no name; name it or drop it")
    return table.iloc[:, 1:] if unnamed.any() else table


def _columns(
    table: pd.DataFrame, path: Path, pattern: str | None, published: str, notes: list[str], faults: list[str]
) -> pd.DataFrame:
    """The columns of ``pattern``, or all numeric ones, as finite floats under their short names."""
    if pattern is not None and pattern.count("*") != 1:
        raise InputError(f"column pattern {pattern!r}: give one * for what becomes the name, such as 'mix/*'")
    chosen = [name for name in map(str, table.columns) if name not in LABELS]
    if pattern is None and chosen and all(fnmatch.fnmatchcase(name, published) for name in chosen):
        pattern = published
    if pattern is not None:
        chosen = [name for name in chosen if fnmatch.fnmatchcase(name, pattern)]
    numbers = table[chosen].apply(pd.to_numeric, errors="coerce").astype(np.float64)
    text = [name for name in chosen if pattern is None and len(table) and numbers[name].isna().all()]
    if text:
        notes.append(f"{path}: left out the columns without numbers: {', '.join(text)}")
    numbers = numbers.drop(columns=text)
    if numbers.empty:
        faults.append(
            f"{path}: no columns{f' like {pattern!r}' if pattern else ''} with numbers; it has {_some(table)}"
        )
    bad = []
    for row, column in np.argwhere(~(np.abs(numbers.to_numpy()) <= LARGEST)):
        name = numbers.columns[column]
        value, run = table[name].iloc[row], table.index[row]
        finite = np.isfinite(numbers.iat[row, column])
        fault = "is empty" if pd.isna(value) else f"{value} is {'above 1e15' if finite else 'not a finite number'}"
        bad.append(f"{path}: run {run}, column {name!r}: {fault}; correct it, or drop the run")
    faults += _first(bad)
    start, end = pattern.split("*") if pattern else ("", "")
    return numbers.rename(columns={name: name[len(start) : len(name) - len(end)] for name in numbers})


def _unmatched(weights: pd.DataFrame, values: pd.DataFrame, ratios: Path, metrics: Path | None) -> list[str]:
    return _first(
        [
            f"{ratios}: run {name} has no row in {metrics}; add or drop it"
            for name in weights.index.difference(values.index)
        ]
    ) + _first(
        [
            f"{metrics}: run {name} has no row in {ratios}; add or drop it"
            for name in values.index.difference(weights.index)
        ]
    )


def _off(weights: pd.DataFrame, path: Path, renormalise: bool) -> list[str]:
    """What is wrong with the weights of each run, and of each domain."""
    totals, faults = weights.sum(axis=1), []
    for name, row in weights[(weights < 0).any(axis=1)].iterrows():
        faults.append(f"{path}: run {name}, column {row.idxmin()!r}: {row.min():g} is below 0; correct it")
    if not renormalise:
        off = totals[(totals - 1).abs() > ROUNDING]
        if len(off) and np.allclose(totals, 100, atol=100 * ROUNDING):
            faults.append(f"{path}: weights sum to 100, not 1; say --renormalise to divide them")
        else:
            fix = "correct it, or say --renormalise to scale all runs"
            faults += [f"{path}: run {name}: weights sum to {total:.4g}, not 1; {fix}" for name, total in off.items()]
    elif (totals <= 0).any():
        faults.append(f"{path}: run {totals.idxmin()}: weights sum to {totals.min():g}; drop it")
    for name in weights.columns[np.ptp(weights.to_numpy(), axis=0) == 0]:
        faults.append(f"{path}: column {name!r}: the same in all runs, so nothing is known about it; drop the column")
    return _first(faults)


def _first(faults: Sequence[str]) -> list[str]:
    """The first few, and how many more there are."""
    more = len(faults) - SHOWN
    return [*faults[:SHOWN], *([f"and {more} more like these"] if more > 0 else [])]


def _odd_signs(values: pd.DataFrame, path: Path) -> list[str]:
    """Notes on metrics that are below zero in few runs, which a loss cannot be."""
    notes = []
    for name, column in values.items():
        below = column.index[column < 0]
        if 0 < len(below) <= ODD * len(column):
            runs = ", ".join(map(str, below[:SHOWN]))
            notes.append(f"{path}: column {name!r} is below zero only in {runs}; check it, since a loss cannot be")
    return notes


def _some(table: pd.DataFrame) -> str:
    names = list(map(str, table.columns))
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
