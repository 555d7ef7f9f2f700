"""The published RegMix runs: the tables of mixtures and of losses, joined and checked.

N runs, K = 17 domains. Weights are rounded to three digits, so rows do not sum to exactly 1. The two tables hold
different domains in different orders, and the 1B tables count from 0 while the others count from 1: rows are joined on
the index and columns by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from regmix.core.errors import InputError
from regmix.core.runs import Runs

# In the order of the files.
DOMAINS = (
    "arxiv",
    "freelaw",
    "nih_exporter",
    "pubmed_central",
    "wikipedia_en",
    "dm_mathematics",
    "github",
    "philpapers",
    "stackexchange",
    "enron_emails",
    "gutenberg_pg_19",
    "pile_cc",
    "ubuntu_irc",
    "europarl",
    "hackernews",
    "pubmed_abstracts",
    "uspto_backgrounds",
)
VALIDATED = (
    "arxiv",
    "freelaw",
    "pubmed_central",
    "wikipedia_en",
    "dm_mathematics",
    "github",
    "stackexchange",
    "gutenberg_pg_19",
    "pile_cc",
    "ubuntu_irc",
    "hackernews",
    "pubmed_abstracts",
    "uspto_backgrounds",
)
ROUNDING = 5e-4  # of one weight
MISS = 1e-3  # rows whose sum is off by more are counted
_NOISE = 1e-9  # of a sum of floats: without it, whether 0.999 counts depends on the order of the sum
_FIX = "fetch the file again"


class Source(NamedTuple):
    """Where a set of runs comes from."""

    mixtures: str  # file name
    losses: str  # file name
    kind: str  # of its runs
    first: int  # index of its first row
    rows: int


SOURCES = {
    "train_1m": Source("train_mixture_1m.csv", "train_pile_loss_1m.csv", "random", 1, 512),
    "test_1m": Source("test_mixture_1m.csv", "test_pile_loss_1m.csv", "heldout", 1, 256),
    "test_60m": Source("test_mixture_60m.csv", "test_pile_loss_60m.csv", "heldout", 1, 256),
    "test_1b": Source("test_mixture_1B.csv", "test_pile_loss_1B.csv", "heldout", 0, 64),
}


def read_printed(path: Path) -> pd.DataFrame:
    """A table as it was published, without a line break at its end. Raises InputError."""
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({str(error).strip()}); fetch it again") from None


def join(mixtures: pd.DataFrame, losses: pd.DataFrame, name: str) -> tuple[Runs, int]:
    """The runs of SOURCES[name] from its two tables, and how many rows had a sum off by more than MISS.

    Every row is divided by its sum. Runs are in the order of the index and named ``name-001`` and up; the
    number is the paper's, from 1 in every set. Raises InputError, with file, row and column, unless each table has its
    published columns and rows, all cells are finite and weights sum to 1 within their rounding.
    """
    source = SOURCES[name]
    weights = _table(mixtures, source.mixtures, [f"train_the_pile_{domain}" for domain in DOMAINS], source)
    values = _table(losses, source.losses, [f"metric/the_pile_{domain}_val_loss" for domain in VALIDATED], source)
    totals = weights.sum(axis=1)
    for row in np.flatnonzero(np.abs(totals - 1) > ROUNDING * len(DOMAINS) + _NOISE):
        raise InputError(
            f"{source.mixtures}: row {row + source.first}: weights from column train_the_pile_{DOMAINS[0]} to "
            f"train_the_pile_{DOMAINS[-1]} sum to {totals[row]:.6g}, too far from 1 for rounding; {_FIX}"
        )
    digits = len(str(source.rows))
    runs = Runs(
        domains=DOMAINS,
        names=np.array([f"{name}-{row + 1:0{digits}d}" for row in range(source.rows)], object),
        kinds=np.full(source.rows, source.kind, object),
        mixtures=weights / totals[:, None],
        losses=pd.DataFrame(values, columns=list(VALIDATED)),
    )
    return runs, int((np.abs(totals - 1) > MISS + _NOISE).sum())


def _table(frame: pd.DataFrame, file: str, columns: Sequence[str], source: Source) -> np.ndarray:
    """The cells (N, len(columns)) of a table with exactly these columns after ``index``, sorted by it."""
    actual, expected = [str(column) for column in frame.columns], ["index", *columns]
    for column in expected:
        if column not in actual:
            raise InputError(f"{file}: no column {column!r}; {_FIX}")
    for column in actual:
        if column not in expected:
            raise InputError(f"{file}: unknown column {column!r}; {_FIX}")
    # Columns are read by name, so their order does not matter; but only the order reveals swapped headers.
    for position, (column, published) in enumerate(zip(actual, expected, strict=True), 1):
        if column != published:
            raise InputError(f"{file}: column {position} is {column!r}, not {published!r}: columns are swapped; {_FIX}")
    index = _index(frame["index"], file, source)
    cells = np.empty((len(index), len(columns)))
    for position, column in enumerate(columns):
        numbers = pd.to_numeric(frame[column], errors="coerce").to_numpy(np.float64)
        for row in np.flatnonzero(~np.isfinite(numbers)):
            cell = frame[column].iloc[row]
            raise InputError(f"{file}: row {index[row]}: column {column!r}: '{cell}' is not a number; {_FIX}")
        for row in np.flatnonzero(numbers < 0):
            raise InputError(f"{file}: row {index[row]}: column {column!r}: {numbers[row]:g} is negative; {_FIX}")
        cells[:, position] = numbers
    return cells[np.argsort(index)]


def _index(column: pd.Series, file: str, source: Source) -> np.ndarray:
    """The index (N,): ``source.rows`` consecutive numbers from ``source.first``, in any order."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    last = source.first + source.rows - 1
    for row in np.flatnonzero(~((numbers >= source.first) & (numbers <= last) & (numbers % 1 == 0))):
        raise InputError(
            f"{file}: line {row + 2}: column 'index': '{column.iloc[row]}' is not a row from {source.first} to {last}; "
            f"{_FIX}"
        )
    index = numbers.astype(np.int64)
    counts = np.bincount(index - source.first, minlength=source.rows)
    for number in np.flatnonzero(counts > 1):
        raise InputError(f"{file}: row {number + source.first} occurs {counts[number]} times in 'index'; {_FIX}")
    for number in np.flatnonzero(counts == 0):
        raise InputError(f"{file}: row {number + source.first} is missing in 'index'; {_FIX}")
    return index
