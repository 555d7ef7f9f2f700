"""Runs as arrays, and an objective as one loss per run.

N runs, K domains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.core.schedule import check_mixture
from regmix.core.tables import read_csv

LEARNT = ("random", "anchor", "proposal")  # kinds of runs that regressors learn from; the others test them


@dataclass(frozen=True)
class LossParts:
    """The ``losses`` (N, D) that an ``objective`` is a function of."""

    losses: np.ndarray
    objective: Objective

    @property
    def total(self) -> np.ndarray:
        """The objective's value (N,), in its unit."""
        return self.objective.of(self.losses)


@dataclass(frozen=True)
class Runs:
    """Trained runs: ``mixtures`` (N, K) over ``domains``, and ``losses``, a frame with one column per domain and task.

    ``names`` and ``kinds`` are (N,). All rows are parallel.
    """

    domains: tuple[str, ...]
    names: np.ndarray
    kinds: np.ndarray
    mixtures: np.ndarray
    losses: pd.DataFrame

    def of(self, *kinds: str) -> Runs:
        """The runs of these kinds, in the same order."""
        return self.at(np.isin(self.kinds, kinds))

    def at(self, rows: np.ndarray) -> Runs:
        """The runs that a mask (N,) selects, in the same order."""
        return Runs(self.domains, self.names[rows], self.kinds[rows], self.mixtures[rows], self.losses[rows])

    def objective(self, objective: Objective) -> np.ndarray:
        """The objective's value (N,), in its unit: see ``objective_losses``."""
        return self.parts(objective).total

    def parts(self, objective: Objective) -> LossParts:
        """The losses in an objective: see ``objective_parts``."""
        return objective_parts(self.losses.assign(run=self.names), objective)

    def mixture_ids(self) -> np.ndarray:
        """An id (N,) for each run, the same for runs of the same mixture."""
        return np.unique(self.mixtures, axis=0, return_inverse=True)[1].ravel()

    def joined(self, other: Runs) -> Runs:
        """These runs followed by the other's, over the same domains."""
        if other.domains != self.domains:
            raise InputError(
                f"mixtures.csv: domains {other.domains} do not match {self.domains}; run `dvc repro` again"
            )
        return Runs(
            self.domains,
            np.concatenate([self.names, other.names]),
            np.concatenate([self.kinds, other.kinds]),
            np.vstack([self.mixtures, other.mixtures]),
            pd.concat([self.losses, other.losses], ignore_index=True),
        )


def read(folder: Path, domains: Sequence[str]) -> Runs:
    """The runs of a swarm's mixtures.csv and losses.csv in ``folder``. Errors: ``runs``."""
    return runs(read_csv(folder / "mixtures.csv"), read_csv(folder / "losses.csv"), domains)


def runs(mixtures: pd.DataFrame, losses: pd.DataFrame, domains: Sequence[str]) -> Runs:
    """Join the frames of mixtures.csv and losses.csv by run; ``domains`` (K) are the trained ones.

    Raises InputError if a column is missing, a run occurs twice or in one frame only, or a mixture is off the simplex.
    """
    for frame, name, columns in (
        (mixtures, "mixtures.csv", ["run", "kind", *domains]),
        (losses, "losses.csv", ["run"]),
    ):
        for column in columns:
            if column not in frame:
                raise InputError(f"{name}: no column {column!r}; it has {', '.join(map(str, frame.columns))}")
        if frame["run"].duplicated().any():
            duplicate = frame["run"][frame["run"].duplicated()].iloc[0]
            raise InputError(f"{name}: run {duplicate!r} occurs twice; keep one of them")
    if alone := sorted(set(mixtures["run"]) ^ set(losses["run"])):
        where = "losses.csv" if alone[0] in set(losses["run"]) else "mixtures.csv"
        raise InputError(f"{where}: run {alone[0]!r} is only in this file; mixtures.csv and losses.csv must agree")
    weights = mixtures[list(domains)].to_numpy(np.float64)
    for name, row in zip(mixtures["run"], weights, strict=True):
        check_mixture(row, tuple(domains), f"mixtures.csv: run {name!r}")
    return Runs(
        domains=tuple(domains),
        names=mixtures["run"].to_numpy(object),
        kinds=mixtures["kind"].to_numpy(object),
        mixtures=weights,
        losses=losses.set_index("run").loc[mixtures["run"]].reset_index(drop=True),
    )


def objective_losses(losses: pd.DataFrame, objective: Objective, file: str = "losses.csv") -> np.ndarray:
    """The objective's value (N,), in its unit. Arguments and errors: ``objective_parts``."""
    return objective_parts(losses, objective, file).total


def objective_parts(losses: pd.DataFrame, objective: Objective, file: str = "losses.csv") -> LossParts:
    """The losses in an objective; ``losses`` (N rows), read from ``file``, has columns ``run``, domains and tasks.

    Raises InputError if a domain or task has no column or a run has no finite loss.
    """
    columns = []
    for domain in objective.names:
        if domain not in losses:
            known = ", ".join(str(column) for column in losses.columns if column != "run")
            raise InputError(f"objectives: {file} has no column {domain!r}; use one of {known}")
        column = losses[domain].to_numpy(np.float64)
        bad = np.flatnonzero(~np.isfinite(column))
        if len(bad):
            name = losses["run"].iloc[bad[0]]
            raise InputError(f"{file}: run {name!r} has loss {column[bad[0]]} on {domain}; train that run again")
        columns.append(column)
    return LossParts(np.column_stack(columns), objective)
