"""Runs' trajectories: the loss of an objective at the logged steps, and the mixtures trained on in between.

RegMix-D (Algorithms 1 and 2) learns from pairs of adjacent logged steps. Its granularity is the number of intervals
between the logged steps used. In the paper a proxy never switches its mixture; here it can, and an interval with a
switch counts as one mixture, the mean over the interval's steps.

N runs, K domains, L logged steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.core.runs import objective_losses
from regmix.core.schedule import Schedule


@dataclass(frozen=True)
class Trajectories:
    """Runs with the same logged steps; rows of ``names``, ``kinds``, ``mixtures`` and ``losses`` are parallel.

    ``steps`` (L,) increase to ``total``, the steps of a run. ``mixtures`` (N, L-1, K) is what a run trained on between
    consecutive logged steps. ``losses`` (N, L) are those of one objective, in nats per token, on the windows used at
    logged steps, which are fewer than those of the final loss.
    """

    domains: tuple[str, ...]
    names: np.ndarray
    kinds: np.ndarray
    steps: np.ndarray
    total: int
    mixtures: np.ndarray
    losses: np.ndarray

    @property
    def fractions(self) -> np.ndarray:
        """The logged steps (L,) as fractions of training; the last is 1."""
        return self.steps / self.total

    def of(self, *kinds: str) -> Trajectories:
        """The runs of these kinds, in their order."""
        return self.at(np.isin(self.kinds, kinds))

    def at(self, rows: np.ndarray) -> Trajectories:
        """The runs selected by a mask (N,) or row numbers."""
        return replace(
            self, names=self.names[rows], kinds=self.kinds[rows], mixtures=self.mixtures[rows], losses=self.losses[rows]
        )

    def granularity(self, intervals: int) -> Trajectories:
        """The same runs with this many intervals between logged steps, as equal as the steps allow.

        The first and the last step stay; the mixture of merged intervals is the mean over their steps. Raises
        InputError if there are too few logged steps.
        """
        logged = len(self.steps)
        if intervals < 1:
            raise InputError(f"granularity = {intervals} must be 1 or more")
        if intervals + 1 > logged:
            raise InputError(
                f"granularity = {intervals} needs {intervals + 1} logged steps and the proxies have {logged}; "
                f"raise proxy.validation.logged to {intervals + 1} or lower it"
            )
        chosen = np.linspace(0, logged - 1, intervals + 1).round().astype(int)
        merged = np.diff(self.steps[chosen]).repeat(np.diff(chosen))  # (L-1,), steps of the merged interval around each
        shares = np.diff(self.steps) / merged
        mixtures = np.add.reduceat(self.mixtures * shares[:, None], chosen[:-1], axis=1)
        return replace(self, steps=self.steps[chosen], mixtures=mixtures, losses=self.losses[:, chosen])

    def rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The regressor's table, run by run: features (N * (L-1), K + 2), the next losses and the run indices.

        The features are the interval's mixture, the fraction of training at its start and the loss there.
        """
        runs, intervals = self.losses.shape[0], len(self.steps) - 1
        features = np.column_stack(
            [
                self.mixtures.reshape(runs * intervals, len(self.domains)),
                np.tile(self.fractions[:-1], runs),
                self.losses[:, :-1].ravel(),
            ]
        )
        return features, self.losses[:, 1:].ravel(), np.arange(runs).repeat(intervals)


def read(
    mixtures: pd.DataFrame,
    schedules: pd.DataFrame,
    trajectories: pd.DataFrame,
    domains: Sequence[str],
    objective: Objective,
) -> Trajectories:
    """Join the frames of mixtures.csv, schedules.csv and trajectories.csv by run, in the order of mixtures.csv.

    ``mixtures`` has run and kind; ``schedules`` run, knot (a fraction of training, a run's first is 0) and the
    ``domains`` (K), one row per run and knot; ``trajectories`` run, step and all domains' losses. Raises InputError if
    a column is missing, a run is not in all three, a logged step is missing or duplicated, a loss is not finite, knots
    are out of order or a mixture is off the simplex.
    """
    frames = {"mixtures.csv": mixtures, "schedules.csv": schedules, "trajectories.csv": trajectories}
    columns = {"mixtures.csv": ["kind"], "schedules.csv": ["knot", *domains], "trajectories.csv": ["step"]}
    for file, frame in frames.items():
        for column in ["run", *columns[file]]:
            if column not in frame:
                raise InputError(f"{file}: no column {column!r}; it has {', '.join(map(str, frame.columns))}")
    if mixtures["run"].duplicated().any():
        twice = mixtures["run"][mixtures["run"].duplicated()].iloc[0]
        raise InputError(f"mixtures.csv: run {twice!r} occurs twice; keep one of them")
    for file, frame in frames.items():
        _same_runs(mixtures, frame, file)
    steps, losses = _losses(mixtures["run"], trajectories, objective)
    total = int(steps[-1])
    by_run = dict(list(schedules.groupby("run", sort=False)))
    return Trajectories(
        domains=tuple(domains),
        names=mixtures["run"].to_numpy(object),
        kinds=mixtures["kind"].to_numpy(object),
        steps=steps,
        total=total,
        mixtures=np.stack([_trained_on(name, by_run[name], tuple(domains), steps) for name in mixtures["run"]]),
        losses=losses,
    )


def _same_runs(mixtures: pd.DataFrame, frame: pd.DataFrame, file: str) -> None:
    if unmatched := sorted(set(mixtures["run"]) ^ set(frame["run"])):
        owner = file if unmatched[0] in set(frame["run"]) else "mixtures.csv"
        raise InputError(f"{owner}: run {unmatched[0]!r} is only in this file; mixtures.csv and {file} must agree")


def _losses(names: pd.Series, trajectories: pd.DataFrame, objective: Objective) -> tuple[np.ndarray, np.ndarray]:
    """The logged steps (L,) and the objective's losses (N, L), runs in the order of ``names``."""
    key = trajectories[["run", "step"]]
    if key.duplicated().any():
        run, step = key[key.duplicated()].iloc[0]
        raise InputError(f"trajectories.csv: run {run!r} has step {step} twice; train that run again")
    labels = [f"{run} at step {step}" for run, step in key.itertuples(index=False)]
    values = objective_losses(trajectories.assign(run=labels), objective, "trajectories.csv")
    table = key.assign(loss=values).pivot(index="run", columns="step", values="loss").loc[names]
    missing = np.argwhere(table.isna().to_numpy())
    if len(missing):
        run, step = table.index[missing[0, 0]], table.columns[missing[0, 1]]
        raise InputError(f"trajectories.csv: run {run!r} has no step {step}, which other runs have; train it again")
    if len(table.columns) < 2:
        raise InputError(
            f"trajectories.csv: {len(table.columns)} logged step; raise proxy.validation.logged to 2 or more"
        )
    return table.columns.to_numpy(np.int64), table.to_numpy(np.float64)


def _trained_on(name: str, rows: pd.DataFrame, domains: tuple[str, ...], steps: np.ndarray) -> np.ndarray:
    """The mean mixture (L-1, K) over the training steps between consecutive logged steps."""
    mixtures = rows[list(domains)].to_numpy(np.float64)
    try:
        schedule = Schedule(domains, rows["knot"].to_numpy(np.float64), mixtures)
    except InputError as error:
        raise InputError(f"schedules.csv: run {name!r}: {error}") from None
    # Step s is drawn from the mixture at s / total. This is exactly the loader's rule, so a switch between two steps
    # takes effect at the same step in both.
    segment = np.searchsorted(schedule.knots, np.arange(steps[0], steps[-1]) / steps[-1], side="right") - 1
    interval = np.arange(len(steps) - 1).repeat(np.diff(steps))
    counts = np.zeros((len(steps) - 1, len(mixtures)))
    np.add.at(counts, (interval, segment), 1)
    return (counts / np.diff(steps)[:, None]) @ mixtures
