"""The schedules that runs actually trained on, from schedules.csv (regmix.engine.results writes it)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from regmix.core.errors import InputError
from regmix.core.schedule import Schedule


def schedules(frame: pd.DataFrame, domains: Sequence[str], file: str = "schedules.csv") -> dict[str, Schedule]:
    """Run -> its schedule, in the order of ``frame``: run, knot (a fraction of training), and the ``domains`` (K).

    Raises InputError, starting with ``file``, if a column is missing, there are no rows, or a run's knots or
    mixtures do not form a schedule.
    """
    for column in ("run", "knot", *domains):
        if column not in frame:
            raise InputError(f"{file}: no column {column!r}; it has {', '.join(map(str, frame.columns))}")
    if frame.empty:
        raise InputError(f"{file}: no rows; train again")
    by_run = {}
    for run, rows in frame.groupby("run", sort=False):
        knots, mixtures = rows["knot"].to_numpy(np.float64), rows[list(domains)].to_numpy(np.float64)
        try:
            by_run[str(run)] = Schedule(tuple(domains), knots, mixtures)
        except InputError as error:
            raise InputError(f"{file}: run {run!r}: {error}") from None
    return by_run


def mean(schedules: Sequence[Schedule]) -> Schedule:
    """The mean of schedules over the same domains, with a knot wherever one of them has one."""
    knots = np.unique(np.concatenate([schedule.knots for schedule in schedules]))
    mixtures = np.mean([[schedule.at(knot) for knot in knots] for schedule in schedules], axis=0)
    return Schedule(schedules[0].domains, knots, mixtures)


def changes(schedule: Schedule) -> bool:
    """Whether the mixture changes over training."""
    return bool(np.any(schedule.mixtures != schedule.mixtures[0]))
