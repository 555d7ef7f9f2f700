"""Test regressors fitted to parts of a swarm on runs outside all parts: final losses, and the next value of a loss."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from regmix.ablations.swarm_parts import UNSEEN
from regmix.core import runs
from regmix.core.objective import Objective
from regmix.core.runs import LEARNT
from regmix.core.settings import Kind
from regmix.regression import interface
from regmix.regression.ensemble import by_part
from regmix.regression.interface import TooFewRuns
from regmix.regression.settings import Regression
from regmix.trajectory import next_loss, trajectories

Tables = Mapping[str, pd.DataFrame]
STEPWISE = ("random", "switched", "anchor")


def step_errors(
    part: Tables, swarm: Tables, domains: list[str], objective: Objective, regressor: tuple[str, Kind],
    label: next_loss.Label, granularity: int, judged: Regression, seed: int,
) -> pd.DataFrame:  # fmt: skip
    """``stepwise.errors`` of a fit to ``part``, on runs of the swarm that keep one mixture and on runs that switch.

    ``tested`` says which, heldout or unseen. ``runs`` is the number of runs it learnt from.
    """
    part_runs, all_runs = (
        trajectories.read(
            tables["mixtures"], tables["schedules"], tables["trajectories"], domains, objective
        ).granularity(granularity)
        for tables in (part, swarm)
    )
    model = next_loss.fit(part_runs.of(*STEPWISE), interface.bind(*regressor), label, seed)
    frames = []
    for kind in ("heldout", UNSEEN):
        tested = all_runs.of(kind)
        if len(tested.names):
            errors = next_loss.errors(model, tested, resamples=judged.bootstrap, level=judged.interval, seed=seed)
            frames.append(errors.assign(tested=kind, runs=len(part_runs.names)))
    return pd.concat(frames, ignore_index=True)


def final_losses(
    part: Tables, swarm: Tables, domains: list[str], objective: Objective, regressors: Mapping[str, Kind],
    seed: int,
) -> pd.DataFrame:  # fmt: skip
    """regressor, run, true, predicted: the objective's final loss of the held-out runs, by fits to ``part``.

    A regressor for which the part has too few runs is left out.
    """
    part_runs, all_runs = (runs.runs(tables["mixtures"], tables["losses"], domains) for tables in (part, swarm))
    tested = all_runs.of("heldout")
    fitted = part_runs.of(*LEARNT)
    frames = []
    for name, entry in regressors.items():
        try:
            parts = fitted.parts(objective)
            model = by_part(interface.bind(name, entry).fit, parts.objective)(fitted.mixtures, parts.losses, seed)
        except TooFewRuns:
            continue
        values = {"true": tested.objective(objective), "predicted": model.mean(tested.mixtures)}
        frames.append(pd.DataFrame({"regressor": name, "run": tested.names, **values}))
    return pd.concat(frames, ignore_index=True)
